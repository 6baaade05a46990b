// interpolate: maximum and sum of exponentials by warps, without recalled words.
#include <algorithm>
#include <cmath>

#include "kernels/cuda/launch_plan.h"
#include "tests/simt/defects/case_runner.h"
#include "tests/simt/emulated_buffer.h"

namespace simt::defects {
namespace {

namespace cuda = pema::kernels::cuda;

double log_sum(const EmulatedBuffer<const float>& logits, std::int64_t first, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += std::exp(static_cast<double>(logits[first + i]));
  }
  return std::log(sum);
}

void run_shape(std::int64_t rows, std::int64_t vocab) {
  const std::int64_t stride = (vocab + 3) / 4 * 4;
  std::vector<float> weights(static_cast<std::size_t>(rows), 0.25F);
  const EmulatedBuffer<const float> base("base", random_floats(rows * stride, 11));
  const EmulatedBuffer<const float> personal("personal", random_floats(rows * stride, 12));
  const EmulatedBuffer<const float> base_weight("base weight", weights);
  std::fill(weights.begin(), weights.end(), 0.75F);
  const EmulatedBuffer<const float> personal_weight("personal weight", weights);
  EmulatedBuffer<float> out("out", rows * stride);
  EmulatedBuffer<std::int32_t> status("status", rows);
  EmulatedBuffer<float> workspace("workspace", cuda::interpolate_workspace(rows, vocab) / 4);
  cuda::DeviceMixture op;
  op.base = {base.data(), cuda::Element::kFloat32, rows, vocab, stride, 1};
  op.personal = {personal.data(), cuda::Element::kFloat32, rows, vocab, stride, 1};
  op.base_weight = base_weight.data();
  op.personal_weight = personal_weight.data();
  op.out = {out.data(), rows, vocab, stride};
  op.status = status.data();
  op.workspace = {workspace.data(), static_cast<std::int64_t>(workspace.bytes())};
  cuda::interpolate(op, {});
  for (std::int64_t row = 0; row < rows; ++row) {
    const double base_sum = log_sum(base, row * stride, vocab);
    const double personal_sum = log_sum(personal, row * stride, vocab);
    for (std::int64_t w = 0; w < vocab; ++w) {
      const std::int64_t i = row * stride + w;
      const double expected = std::log(0.25 * std::exp(base[i] - base_sum) +
                                       0.75 * std::exp(personal[i] - personal_sum));
      expect_near(out[i], expected, 2e-6 * (1 + std::abs(expected)),
                  "[" + std::to_string(row) + "][" + std::to_string(w) + "] of " +
                      std::to_string(vocab) + " words");
    }
  }
}

}  // namespace

void run_case(const Trace* /*trace*/) {
  for (const std::int64_t vocab : {1, 31, 1009, 4095, 4096, 4097}) {
    run_shape(vocab < 2000 ? 3 : 1, vocab);
  }
}

}  // namespace simt::defects
