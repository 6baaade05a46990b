// Claim: summing chosen rows of a pool for many profiles runs near the memory's speed. 256 adapters
// of [64, 1024], float32, 16 profiles with k adapters each; one thread. The roof is the union of
// the chosen adapters read once and the sums written once, each timed here.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "bench/choose.h"
#include "bench/kernels/passes.h"
#include "kernels/weighted_sum.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kAdapters = 256;
constexpr std::int64_t kSize = 64 * 1024;
constexpr std::int64_t kProfiles = 16;

struct Problem {
  at::Tensor pool = at::randn({kAdapters, kSize});
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
  [[nodiscard]] const float* row(std::int64_t i) const {
    return pool.data_ptr<float>() + i * kSize;
  }
};

at::Tensor index_of(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}

void compose_pema(benchmark::State& state) {
  Problem problem(state.range(0));
  const std::vector<float> ones(static_cast<std::size_t>(state.range(0)), 1.0F);
  std::vector<std::vector<const float*>> rows;
  for (const auto& members : problem.members) {
    auto& pointers = rows.emplace_back();
    for (const std::int64_t i : members) pointers.push_back(problem.row(i));
  }
  std::vector<kernels::WeightedRows> sums;
  for (std::size_t p = 0; p < rows.size(); ++p) {
    sums.push_back(
        {rows[p], ones, problem.out.data_ptr<float>() + static_cast<std::int64_t>(p) * kSize});
  }
  kernels::ThreadPool pool(1);
  for ([[maybe_unused]] auto _ : state) {
    kernels::add_weighted_rows(sums, kSize, pool);
    benchmark::ClobberMemory();
  }
}

/// What must be moved: the used rows read once, the sums written once.
void compose_roof(benchmark::State& state) {
  Problem problem(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    float sum = 0;
    for (const std::int64_t i : problem.used) sum += read_pass(problem.row(i), kSize);
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

BENCHMARK(compose_pema)->Arg(8)->Arg(32)->Arg(64)->Arg(96)->Unit(benchmark::kMillisecond);
BENCHMARK(compose_roof)->Arg(8)->Arg(32)->Arg(64)->Arg(96)->Unit(benchmark::kMillisecond);
BENCHMARK(compose_torch_index_select)
    ->Arg(8)
    ->Arg(32)
    ->Arg(64)
    ->Arg(96)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(compose_torch_embedding_bag)
    ->Arg(8)
    ->Arg(32)
    ->Arg(64)
    ->Arg(96)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(compose_torch_dense)->Arg(8)->Arg(32)->Arg(64)->Arg(96)->Unit(benchmark::kMillisecond);
BENCHMARK(compose_torch_sparse)->Arg(8)->Arg(32)->Arg(64)->Arg(96)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pema::bench
