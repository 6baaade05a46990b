#include "src/train/mask_estimator.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pema/error.h"

namespace pema::train {
namespace {

std::span<const float> row_of(const at::Tensor& matrix, std::int64_t row) {
  const auto size = static_cast<std::size_t>(matrix.size(1));
  return {matrix.data_ptr<float>() + row * matrix.size(1), size};
}

/// Applies a function of one row [N] -> [N] to every row of `scores` [P, N].
template <typename RowFunction>
at::Tensor map_rows(const at::Tensor& scores, const RowFunction& function) {
  const at::Tensor input = scores.detach().contiguous();
  at::Tensor output = at::empty_like(input);
  for (std::int64_t row = 0; row < input.size(0); ++row) {
    const std::vector<float> values = function(row_of(input, row));
    std::copy(values.begin(), values.end(), output.data_ptr<float>() + row * input.size(1));
  }
  return output;
}

at::Tensor top_k_rows(const at::Tensor& scores, std::int64_t k) {
  return map_rows(scores, [k](std::span<const float> row) { return hard_top_k(row, k); });
}

/// soft_top_k of every row, differentiable: weights below 1 move by m / epsilon times what exceeds
/// the weighted mean, because their sum is fixed; weights at 1 do not move.
class SoftTopK : public torch::autograd::Function<SoftTopK> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& scores,
                            std::int64_t k, double epsilon) {
    at::Tensor weights =
        map_rows(scores, [&](std::span<const float> row) { return soft_top_k(row, k, epsilon); });
    context->save_for_backward({weights});
    context->saved_data["epsilon"] = epsilon;
    return weights;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list outer) {
    const at::Tensor weights = context->get_saved_variables()[0];
    const at::Tensor free = weights * weights.lt(1.0F);
    const at::Tensor total = free.sum(1, true).clamp_min(1e-20);
    const at::Tensor mean = (free * outer[0]).sum(1, true) / total;
    return {free * (outer[0] - mean) / context->saved_data["epsilon"].toDouble(), {}, {}};
  }
};

/// `hard` in value, `soft` in gradient.
at::Tensor straight_through(const at::Tensor& hard, const at::Tensor& soft) {
  return hard + (soft - soft.detach());
}

}  // namespace

std::vector<float> hard_top_k(std::span<const float> scores, std::int64_t k) {
  PEMA_ASSERT(k >= 0 && k <= static_cast<std::int64_t>(scores.size()));
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::nth_element(order.begin(), order.begin() + k, order.end(),
                   [&](std::int64_t a, std::int64_t b) {
                     const float left = scores[static_cast<std::size_t>(a)];
                     const float right = scores[static_cast<std::size_t>(b)];
                     return left > right || (left == right && a < b);
                   });
  std::vector<float> mask(scores.size(), 0.0F);
  for (std::int64_t i = 0; i < k; ++i) {
    mask[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 1.0F;
  }
  return mask;
}

std::vector<float> soft_top_k(std::span<const float> scores, std::int64_t k, double epsilon) {
  std::vector<double> sorted(scores.begin(), scores.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const double top = sorted.empty() ? 0.0 : sorted[0];
  // tails[c]: sum of exp((s - top) / epsilon) over all but the c largest, summed from the smallest.
  std::vector<double> tails(sorted.size() + 1, 0.0);
  for (std::size_t c = sorted.size(); c-- > 0;) {
    tails[c] = tails[c + 1] + std::exp((sorted[c] - top) / epsilon);
  }
  // With c weights at 1, a / epsilon = log(k - c) - log(tail) - top / epsilon; the right c is the
  // first whose next weight does not exceed 1.
  double shift = 0;
  for (std::size_t c = 0; c < static_cast<std::size_t>(k); ++c) {
    shift = std::log(static_cast<double>(k) - static_cast<double>(c)) - std::log(tails[c]);
    if ((sorted[c] - top) / epsilon + shift <= 0) break;
  }
  std::vector<float> weights(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    weights[i] = static_cast<float>(std::exp(std::min(0.0, (scores[i] - top) / epsilon + shift)));
  }
  return weights;
}

at::Tensor hard_mask(const at::Tensor& logits, const MaskRule& rule) {
  const at::NoGradGuard no_grad;
  if (rule.k > 0) return top_k_rows(logits, rule.k);
  return logits.detach().gt(0.0F).to(at::kFloat);
}

at::Tensor training_mask(const at::Tensor& logits, const MaskRule& rule, at::Generator& generator) {
  switch (rule.estimator) {
    case MaskEstimator::kStraightThrough:
      return straight_through(hard_mask(logits, rule), at::sigmoid(logits));
    case MaskEstimator::kGumbelTopK: {
      const at::Tensor uniform =
          at::empty_like(logits.detach()).uniform_(1e-6, 1.0 - 1e-6, generator);
      const at::Tensor noisy = logits - at::log(-at::log(uniform));
      const at::Tensor p = at::softmax(noisy / rule.temperature, 1);
      return straight_through(top_k_rows(noisy, rule.k), p * static_cast<double>(rule.k));
    }
    case MaskEstimator::kSoftTopK:
      return straight_through(hard_mask(logits, rule),
                              SoftTopK::apply(logits, rule.k, rule.temperature));
  }
  PEMA_ASSERT(false);
}

}  // namespace pema::train
