// Claim: the ten masks that share most adapters with one, out of a million masks of 1,024 bits,
// found faster than by FAISS's binary index. Masks and queries have 300 members each, so that
// FAISS's order by Hamming distance, 600 - 2 overlap, is the same. One thread; 16 queries in one
// call, and one.
#include <benchmark/benchmark.h>
#include <faiss/IndexBinaryFlat.h>
#include <omp.h>

#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/mask_search.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kMasks = 1'000'000;
constexpr std::int64_t kBits = 1024;
constexpr std::int64_t kMembers = 300;
constexpr std::int64_t kNearest = 10;

struct Masks {
  std::mt19937 random{1};
  std::vector<std::int64_t> order;
  kernels::MaskTable table{kBits};
  faiss::IndexBinaryFlat faiss{kBits};
  std::vector<BitMask> queries;
  std::vector<std::uint8_t> query_codes;

  BitMask draw() {
    for (std::int64_t i = 0; i < kMembers; ++i) {
      std::uniform_int_distribution<std::int64_t> other(i, kBits - 1);
      std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other(random))]);
    }
    return BitMask::from_indices(kBits, std::span(order).first(kMembers));
  }

  static void append(std::vector<std::uint8_t>& codes, const BitMask& mask) {
    for (const std::byte byte : mask.to_bytes())
      codes.push_back(std::to_integer<std::uint8_t>(byte));
  }

  Masks() : order(kBits) {
    std::iota(order.begin(), order.end(), 0);
    table.reserve(kMasks);
    std::vector<std::uint8_t> codes;
    codes.reserve(kMasks * kBits / 8);
    for (std::int64_t i = 0; i < kMasks; ++i) {
      const BitMask mask = draw();
      table.append(mask);
      append(codes, mask);
    }
    faiss.add(kMasks, codes.data());
    for (int i = 0; i < 16; ++i) {
      queries.push_back(draw());
      append(query_codes, queries.back());
    }
  }

  static Masks& all() {
    static Masks masks;
    return masks;
  }
};

void mask_search_pema(benchmark::State& state) {
  Masks& masks = Masks::all();
  kernels::ThreadPool pool(1);
  const auto queries = std::span(masks.queries).first(static_cast<std::size_t>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(kernels::nearest_by_overlap(masks.table, queries, kNearest, pool));
  }
}
BENCHMARK(mask_search_pema)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);

void mask_search_faiss(benchmark::State& state) {
  Masks& masks = Masks::all();
  omp_set_num_threads(1);
  const std::int64_t queries = state.range(0);
  std::vector<std::int32_t> distances(static_cast<std::size_t>(queries * kNearest));
  std::vector<faiss::Index::idx_t> labels(distances.size());
  for ([[maybe_unused]] auto _ : state) {
    masks.faiss.search(queries, masks.query_codes.data(), kNearest, distances.data(),
                       labels.data());
    benchmark::ClobberMemory();
  }
  // Both must have found the same, or the race means nothing.
  kernels::ThreadPool pool(1);
  const auto found = kernels::nearest_by_overlap(
      masks.table, std::span(masks.queries).first(static_cast<std::size_t>(queries)), kNearest,
      pool);
  for (std::size_t q = 0; q < found.size(); ++q) {
    for (std::size_t i = 0; i < found[q].size(); ++i) {
      if (2 * (kMembers - found[q][i].overlap) != distances[q * kNearest + i]) {
        state.SkipWithError("FAISS and nearest_by_overlap disagree");
        return;
      }
    }
  }
}
BENCHMARK(mask_search_faiss)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pema::bench
