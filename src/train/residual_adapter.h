/// One always-on adapter in the residual form: what train_adapter and train_pool's first phase
/// share.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "src/train/loss.h"

namespace pema::train {

/// A and B^T, both [r, d].
struct LowRank {
  at::Tensor down;
  at::Tensor up;
  std::int64_t epochs = 0;  ///< as FitResult::epochs
};

/// x + delta_0(x) [n, d] of all rows; x itself when `shared` is null; undefined without rows.
[[nodiscard]] at::Tensor with_shared(const Rows& rows, const AdapterBlock* shared);

/// Trains on loss.train(), on top of `train_base` and `dev_base` [n, d]; `stop_after` as in
/// FitPlan.
[[nodiscard]] LowRank fit_residual_adapter(const VocabularyLoss& loss, const at::Tensor& train_base,
                                           const at::Tensor& dev_base, std::int64_t rank,
                                           const OptimiserOptions& options, std::string_view stage,
                                           Progress* progress,
                                           std::optional<std::int64_t> stop_after = {});

}  // namespace pema::train
