/// Training rows as tensors.
#pragma once

#include <ATen/ATen.h>

#include "pema/train/trainer.h"

namespace pema::train {

/// The rows of one or many sample sets, in order.
struct Rows {
  at::Tensor input;   ///< [n, d] what adapters read, at the base's site
  at::Tensor state;   ///< [n, d] x, the head's input; the same tensor as `input` at post_norm
  at::Tensor target;  ///< [n] i64, places in the loss's vocabulary
  at::Tensor tail;    ///< [n] log of the base mass outside it; undefined with the full vocabulary
  at::Tensor base;    ///< [n] log P_lm(target); undefined when the loss does not mix it in

  [[nodiscard]] std::int64_t size() const { return target.defined() ? target.size(0) : 0; }
};

/// x of features [n, d] at the base's site: themselves, or their final RMSNorm.
[[nodiscard]] at::Tensor post_norm_states(const Base& base, const at::Tensor& features);

/// h / sqrt(mean(h^2) + eps) * weight, per row; differentiable in h.
[[nodiscard]] at::Tensor rms_norm(const at::Tensor& h, const at::Tensor& weight, double eps);

}  // namespace pema::train
