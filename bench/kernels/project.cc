// Claim: personal logits through the projected pool, U^T [1024, 49152] gated by masks of 300, come
// at the memory's speed for one row, and for 32 rows of different masks at a rate that the dense
// product of OpenBLAS does not leave behind. One thread. The roof reads the chosen rows once, in
// the same type.
#include <benchmark/benchmark.h>
#include <cblas.h>

#include <random>
#include <vector>

#include "bench/choose.h"
#include "bench/kernels/passes.h"
#include "kernels/half_rows.h"
#include "kernels/int8_rows.h"
#include "kernels/weighted_sum.h"
#include "pema/tensor_view.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kAdapters = 1024;
constexpr std::int64_t kVocab = 49152;
constexpr std::int64_t kChosen = 300;
constexpr std::int64_t kRows = 32;

struct Problem {
  Matrix<float> projection{kAdapters, kVocab};
  kernels::Int8Matrix rounded{kAdapters, kVocab};
  kernels::HalfMatrix half{kAdapters, kVocab, NumberType::kFloat16};
  Matrix<float> out{kRows, kVocab};
  Matrix<float> dense{kRows, kAdapters};           // weights, zero where not chosen
  std::vector<std::vector<std::int32_t>> members;  // [kRows][kChosen], rising
  std::vector<std::vector<float>> weights;

  Problem() {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (std::int64_t i = 0; i < kAdapters; ++i) {
      for (float& value : projection.view().row_span(i)) value = uniform(random);
      rounded.quantise(i, projection.row(i));
      half.round(i, projection.row(i));
    }
    for (std::int64_t row = 0; row < kRows; ++row) {
      members.push_back(choose<std::int32_t>(random, kChosen, kAdapters));
      std::vector<float>& own = weights.emplace_back();
      for (const std::int32_t i : members.back()) {
        own.push_back(uniform(random));
        dense.row(row)[i] = own.back();
      }
    }
  }
};

Problem& problem() {
  static Problem made;
  return made;
}

// Rows take turns, so that a run does not find the last one's columns in cache.
std::size_t next_row(std::size_t& turn) { return turn++ % kRows; }

void project_int8(benchmark::State& state) {
  Problem& p = problem();
  kernels::ThreadPool pool(1);
  std::size_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::vector<kernels::Int8Sum> sums;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const std::size_t row = next_row(turn);
      sums.push_back({p.members[row], p.weights[row], p.out.row(static_cast<std::int64_t>(row))});
    }
    kernels::add_int8_rows(p.rounded, sums, pool);
    benchmark::ClobberMemory();
  }
}

void project_float16(benchmark::State& state) {
  Problem& p = problem();
  kernels::ThreadPool pool(1);
  std::size_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::vector<kernels::HalfSum> sums;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const std::size_t row = next_row(turn);
      sums.push_back({p.members[row], p.weights[row], p.out.row(static_cast<std::int64_t>(row))});
    }
    kernels::add_weighted_rows(p.half, sums, pool);
    benchmark::ClobberMemory();
  }
}

void project_float32(benchmark::State& state) {
  Problem& p = problem();
  kernels::ThreadPool pool(1);
  std::size_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::vector<std::vector<const float*>> rows;
    std::vector<kernels::WeightedRows> sums;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const std::size_t row = next_row(turn);
      std::vector<const float*>& pointers = rows.emplace_back();
      for (const std::int32_t member : p.members[row]) {
        pointers.push_back(p.projection.row(member));
      }
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t row = (turn - rows.size() + i) % kRows;
      sums.push_back({rows[i], p.weights[row], p.out.row(static_cast<std::int64_t>(row))});
    }
    kernels::add_weighted_rows(sums, kVocab, pool);
    benchmark::ClobberMemory();
  }
}

/// One row's bytes, summed as if they were something that is fast to sum.
float read_row(const Problem& p, std::int64_t i, NumberType type) {
  if (type == NumberType::kInt8) return byte_pass(p.rounded.row(i), kVocab);
  if (type == NumberType::kFloat32) return read_pass(p.projection.row(i), kVocab);
  return byte_pass(reinterpret_cast<const std::int8_t*>(p.half.row(i)), 2 * kVocab);
}

/// The bytes of the rows that one sum takes, read once.
void project_roof(benchmark::State& state, NumberType type) {
  Problem& p = problem();
  std::size_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    float sum = 0;
    for (const std::int32_t i : p.members[next_row(turn)]) sum += read_row(p, i, type);
    benchmark::DoNotOptimize(sum);
  }
}

void project_openblas(benchmark::State& state) {
  Problem& p = problem();
  openblas_set_num_threads(1);
  for ([[maybe_unused]] auto _ : state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kRows, kVocab, kAdapters, 1.0F,
                p.dense.data(), kAdapters, p.projection.data(), kVocab, 1.0F, p.out.data(), kVocab);
    benchmark::ClobberMemory();
  }
}

BENCHMARK(project_int8)->Arg(1)->Arg(kRows)->Unit(benchmark::kMillisecond);
BENCHMARK(project_float16)->Arg(1)->Arg(kRows)->Unit(benchmark::kMillisecond);
BENCHMARK(project_float32)->Arg(1)->Arg(kRows)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(project_roof, int8, NumberType::kInt8)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(project_roof, float16, NumberType::kFloat16)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(project_roof, float32, NumberType::kFloat32)->Unit(benchmark::kMillisecond);
BENCHMARK(project_openblas)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pema::bench
