// Claim: summing chosen rows of a pool for many profiles runs near the memory's speed, in every
// number type. 256 adapters of [64, 1024], 16 profiles with k adapters each, weights 1; one thread.
// The roof reads the union of the chosen adapters once, in the same type, and writes the float32
// sums once, each timed here.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <map>
#include <random>
#include <vector>

#include "bench/choose.h"
#include "bench/kernels/passes.h"
#include "kernels/compose.h"
#include "kernels/tiled_rows.h"
#include "kernels/weighted_sum.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kAdapters = 256;
constexpr std::int64_t kSize = 64 * 1024;
constexpr std::int64_t kProfiles = 16;

/// One for all benches, made on first use.
const at::Tensor& shared_pool() {
  static const at::Tensor pool = at::randn({kAdapters, kSize});
  return pool;
}

const float* row_of(const at::Tensor& pool, std::int64_t i) {
  return pool.data_ptr<float>() + i * kSize;
}

const kernels::TiledRows& shared_tiles(NumberType type) {
  static std::map<NumberType, kernels::TiledRows> tiles;
  if (!tiles.contains(type)) {
    kernels::ThreadPool pool(1);
    std::vector<const float*> rows;
    for (std::int64_t i = 0; i < kAdapters; ++i) rows.push_back(row_of(shared_pool(), i));
    tiles[type] = kernels::TiledRows(rows, {}, kSize, type, pool);
  }
  return tiles[type];
}

struct Problem {
  at::Tensor pool = shared_pool();
  at::Tensor out = at::zeros({kProfiles, kSize});
  std::vector<std::vector<std::int64_t>> members;  // of each profile, rising
  std::vector<std::int64_t> used;                  // by any, rising

  explicit Problem(std::int64_t k) {
    std::mt19937 random(static_cast<std::uint32_t>(k));
    std::vector<bool> is_used(kAdapters, false);
    for (std::int64_t p = 0; p < kProfiles; ++p) {
      members.push_back(choose(random, k, kAdapters));
      for (const std::int64_t i : members.back()) is_used[static_cast<std::size_t>(i)] = true;
    }
    for (std::int64_t i = 0; i < kAdapters; ++i) {
      if (is_used[static_cast<std::size_t>(i)]) used.push_back(i);
    }
  }
  [[nodiscard]] const float* row(std::int64_t i) const { return row_of(pool, i); }
  [[nodiscard]] float* sum(std::size_t p) const {
    return out.data_ptr<float>() + static_cast<std::int64_t>(p) * kSize;
  }
};

at::Tensor index_of(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}

void compose_rows(benchmark::State& state) {
  Problem problem(state.range(0));
  const std::vector<float> ones(static_cast<std::size_t>(state.range(0)), 1.0F);
  std::vector<std::vector<const float*>> rows;
  for (const auto& members : problem.members) {
    auto& pointers = rows.emplace_back();
    for (const std::int64_t i : members) pointers.push_back(problem.row(i));
  }
  std::vector<kernels::WeightedRows> sums;
  for (std::size_t p = 0; p < rows.size(); ++p) sums.push_back({rows[p], ones, problem.sum(p)});
  kernels::ThreadPool pool(1);
  for ([[maybe_unused]] auto _ : state) {
    kernels::add_weighted_rows(sums, kSize, pool);
    benchmark::ClobberMemory();
  }
}

void compose_tiles(benchmark::State& state, NumberType type) {
  Problem problem(state.range(0));
  const kernels::TiledRows& tiles = shared_tiles(type);
  const std::vector<float> ones(static_cast<std::size_t>(state.range(0)), 1.0F);
  std::vector<std::vector<std::int32_t>> rows;
  for (const auto& members : problem.members) rows.emplace_back(members.begin(), members.end());
  std::vector<kernels::TiledSum> sums;
  for (std::size_t p = 0; p < rows.size(); ++p) sums.push_back({rows[p], ones, problem.sum(p)});
  kernels::ThreadPool pool(1);
  for ([[maybe_unused]] auto _ : state) {
    kernels::sum_tiled_rows(tiles, sums, pool);
    benchmark::ClobberMemory();
  }
}

/// As the engine chooses.
void compose_pema(benchmark::State& state, NumberType type) {
  const bool few = state.range(0) <= static_cast<std::int64_t>(kernels::kFewAdapters);
  if (type == NumberType::kFloat32 && few) {
    compose_rows(state);
  } else {
    compose_tiles(state, type);
  }
}

/// What must be moved: the used rows read once, in the type, the sums written once.
void compose_roof(benchmark::State& state, NumberType type) {
  Problem problem(state.range(0));
  const std::int64_t floats = kSize * bytes_of(type) / bytes_of(NumberType::kFloat32);
  for ([[maybe_unused]] auto _ : state) {
    float sum = 0;
    for (const std::int64_t i : problem.used) {
      sum += read_pass(problem.pool.data_ptr<float>() + i * floats, floats);
    }
    benchmark::DoNotOptimize(sum);
    problem.out.zero_();
  }
}

void compose_torch_index_select(benchmark::State& state) {
  const at::InferenceMode inference;
  Problem problem(state.range(0));
  std::vector<at::Tensor> indices;
  for (const auto& members : problem.members) indices.push_back(index_of(members));
  for ([[maybe_unused]] auto _ : state) {
    for (std::int64_t p = 0; p < kProfiles; ++p) {
      at::Tensor row = problem.out.select(0, p);
      at::sum_out(row, problem.pool.index_select(0, indices[static_cast<std::size_t>(p)]), {0});
    }
  }
}

void compose_torch_embedding_bag(benchmark::State& state) {
  const at::InferenceMode inference;
  Problem problem(state.range(0));
  std::vector<std::int64_t> flat;
  std::vector<std::int64_t> offsets;
  for (const auto& members : problem.members) {
    offsets.push_back(std::ssize(flat));
    flat.insert(flat.end(), members.begin(), members.end());
  }
  const at::Tensor indices = index_of(flat);
  const at::Tensor starts = index_of(offsets);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(at::embedding_bag(problem.pool, indices, starts));
  }
}

/// Masks as a matrix of ones and zeros, dense or in compressed rows.
at::Tensor mask_matrix(const Problem& problem) {
  at::Tensor mask = at::zeros({kProfiles, kAdapters});
  for (std::int64_t p = 0; p < kProfiles; ++p) {
    mask.select(0, p).index_fill_(0, index_of(problem.members[static_cast<std::size_t>(p)]), 1);
  }
  return mask;
}

void compose_torch_dense(benchmark::State& state) {
  const at::InferenceMode inference;
  Problem problem(state.range(0));
  const at::Tensor mask = mask_matrix(problem);
  for ([[maybe_unused]] auto _ : state) at::mm_out(problem.out, mask, problem.pool);
}

void compose_torch_sparse(benchmark::State& state) {
  Problem problem(state.range(0));
  const at::Tensor mask = mask_matrix(problem).to_sparse_csr();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(at::mm(mask, problem.pool));
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t k : {8, 32, 64, 96}) bench->Arg(k);
  bench->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(compose_pema, float32, NumberType::kFloat32)->Apply(sizes);
BENCHMARK_CAPTURE(compose_pema, float16, NumberType::kFloat16)->Apply(sizes);
BENCHMARK_CAPTURE(compose_pema, bfloat16, NumberType::kBFloat16)->Apply(sizes);
BENCHMARK_CAPTURE(compose_pema, int8, NumberType::kInt8)->Apply(sizes);
BENCHMARK_CAPTURE(compose_roof, float32, NumberType::kFloat32)->Apply(sizes);
BENCHMARK_CAPTURE(compose_roof, float16, NumberType::kFloat16)->Apply(sizes);
BENCHMARK_CAPTURE(compose_roof, bfloat16, NumberType::kBFloat16)->Apply(sizes);
BENCHMARK_CAPTURE(compose_roof, int8, NumberType::kInt8)->Apply(sizes);
BENCHMARK(compose_torch_index_select)->Apply(sizes);
BENCHMARK(compose_torch_embedding_bag)->Apply(sizes);
BENCHMARK(compose_torch_dense)->Apply(sizes);
BENCHMARK(compose_torch_sparse)->Apply(sizes);

}  // namespace
}  // namespace pema::bench
