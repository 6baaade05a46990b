/// Parts of PEMA's training that are the same for both stages.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "pema/train/pema_trainer.h"

namespace pema::train {

struct PemaDevLoss {
  double deciding = 0;    ///< what early stopping compares
  double prediction = 0;  ///< L_pd
};

struct PemaStage {
  std::int64_t number = 1;
  std::string_view name;
  std::int64_t rows = 0;
  std::int64_t batch = 1;
  std::vector<at::Tensor> parameters;
  std::function<at::Tensor(const at::Tensor& index)> loss;
  std::function<PemaDevLoss()> dev;  ///< empty: no validation
};

/// Shuffled steps with validation every `validate_every` of them and after the last; ends when the
/// deciding loss exceeds both previous two. The parameters end as they were at the best validation.
/// Appends to `curve` at each validation, or after each epoch without one. Throws kInvalidArgument
/// when the loss is not finite, kInterrupted.
void run_pema_stage(const PemaStage& stage, const PemaOptions& options, at::Generator& generator,
                    std::vector<PemaCurvePoint>& curve, Progress* progress);

/// The `rank` eigenvectors of X'X (in float64) with the largest eigenvalues, [rank, d], largest
/// first; each one's largest component is positive, so that the result is unique.
[[nodiscard]] at::Tensor top_right_singular_vectors(const at::Tensor& x, std::int64_t rank);

}  // namespace pema::train
