/// Hard masks with a gradient.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "pema/train/options.h"

namespace pema::train {

/// How logits become a mask.
struct MaskRule {
  MaskEstimator estimator = MaskEstimator::kStraightThrough;
  std::int64_t k = 0;        ///< 0: the sign decides
  double temperature = 1.0;  ///< tau or epsilon
};

/// Ones at the k largest of `scores` [N], zeros elsewhere; ties go to the lowest index. Requires
/// 0 <= k <= N and no NaN.
[[nodiscard]] std::vector<float> hard_top_k(std::span<const float> scores, std::int64_t k);

/// The weights m [N] in [0, 1] with sum k that maximise <s, m> + epsilon * entropy(m): m_i = min(1,
/// exp((s_i + a) / epsilon)). CoDA approaches a by coordinate ascent; here it is found exactly,
/// from the sorted scores. Requires 1 <= k <= N, epsilon > 0.
[[nodiscard]] std::vector<float> soft_top_k(std::span<const float> scores, std::int64_t k,
                                            double epsilon);

/// Masks [P, N] of 0 and 1 from logits [P, N] without noise or gradient: what evaluation uses.
[[nodiscard]] at::Tensor hard_mask(const at::Tensor& logits, const MaskRule& rule);

/// The same with the estimator's gradient (and the Gumbel estimator's noise): what training uses.
[[nodiscard]] at::Tensor training_mask(const at::Tensor& logits, const MaskRule& rule,
                                       at::Generator& generator);

}  // namespace pema::train
