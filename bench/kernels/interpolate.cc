// Claim: interpolate over a vocabulary of 49,152 costs little more than the exponentials of its two
// arrays, and a fraction of the LibTorch expression. One row, one thread.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "bench/kernels/passes.h"
#include "kernels/interpolate.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kVocab = 49152;
constexpr double kLambda = 0.8;

struct Logits {
  std::vector<float> base = std::vector<float>(kVocab);
  std::vector<float> personal = std::vector<float>(kVocab);
  std::vector<float> out = std::vector<float>(kVocab);
  Logits() {
    std::mt19937 random(1);
    std::normal_distribution<float> logit(0.0F, 4.0F);
    std::normal_distribution<float> delta(0.0F, 1.0F);
    for (std::size_t i = 0; i < base.size(); ++i) {
      base[i] = logit(random);
      personal[i] = base[i] + delta(random);
    }
  }
};

void interpolate_pema(benchmark::State& state) {
  Logits logits;
  kernels::ThreadPool pool(1);
  const std::vector<kernels::MixtureRow> rows{
      {logits.base.data(), logits.personal.data(), 1.0 - kLambda, kLambda, {}}};
  const std::vector<float*> out{logits.out.data()};
  for ([[maybe_unused]] auto _ : state) {
    kernels::interpolate(rows, kVocab, out, pool);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(interpolate_pema);

void interpolate_exp_pass(benchmark::State& state) {
  Logits logits;
  std::vector<float> second(kVocab);
  for ([[maybe_unused]] auto _ : state) {
    exp_pass(logits.base.data(), kVocab, logits.out.data());
    exp_pass(logits.personal.data(), kVocab, second.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(interpolate_exp_pass);

void interpolate_torch(benchmark::State& state) {
  const at::InferenceMode inference;
  Logits logits;
  const at::Tensor base = at::from_blob(logits.base.data(), {kVocab});
  const at::Tensor personal = at::from_blob(logits.personal.data(), {kVocab});
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(
        at::softmax(base, 0).mul_(1 - kLambda).add_(at::softmax(personal, 0), kLambda).log_());
  }
}
BENCHMARK(interpolate_torch);

void interpolate_torch_logs(benchmark::State& state) {
  const at::InferenceMode inference;
  Logits logits;
  const at::Tensor base = at::from_blob(logits.base.data(), {kVocab});
  const at::Tensor personal = at::from_blob(logits.personal.data(), {kVocab});
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(at::logaddexp(at::log_softmax(base, 0).add_(std::log(1 - kLambda)),
                                           at::log_softmax(personal, 0).add_(std::log(kLambda))));
  }
}
BENCHMARK(interpolate_torch_logs);

}  // namespace
}  // namespace pema::bench
