/// PEMA as published (arXiv 2311.08590, section 3; the authors' code where the paper is silent):
/// one adapter in the `distribution` form.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "pema/train/trainer.h"

namespace pema::train {

/// Where B_pd begins.
enum class PemaStart : std::uint8_t {
  kPublished,       ///< A kaiming_uniform(sqrt 5), B_pd = 0; stage 1 trains B_rct by gradient steps
  kReconstruction,  ///< A = top right singular vectors of the features, B = A^T: the optimum of
                    ///< stage 1 in closed form
};
[[nodiscard]] std::string_view to_string(PemaStart start) noexcept;
[[nodiscard]] PemaStart parse_pema_start(std::string_view text);

/// Defaults are the published ones.
struct PemaOptions {
  PemaStart start = PemaStart::kPublished;
  HeadNorm norm = HeadNorm::kDecoderFinal;
  std::int64_t rank = 512;
  double alpha = 1.0;           ///< s = alpha / rank
  double kappa = 0.2;           ///< L = kappa L_rct + (1 - kappa) L_pd
  double input_dropout = 0.2;   ///< two independent masks per step
  double learning_rate = 1e-3;  ///< Adam, both stages
  double final_rate = 1.0;      ///< the rate falls linearly to this part of itself; 1: constant
  bool reconstruct = true;      ///< false: the ablation without stage 1 (kappa is then 0)
  std::int64_t batch_reconstruction = 20480;
  std::int64_t batch_joint = 2048;
  std::int64_t epochs = 200;          ///< at most, each stage
  std::int64_t validate_every = 100;  ///< steps; stop when the loss exceeds both previous two
  std::int64_t vocabulary = 0;        ///< 0: full, as published
  std::uint64_t seed = 123;

  /// The reconstruction start with the recipe tuned for it (docs/decisions/0003).
  [[nodiscard]] static PemaOptions best_start();
  /// Throws kInvalidArgument, naming the field, when a value is outside its range or not finite.
  void validate() const;
};

struct PemaCurvePoint {
  std::int64_t stage = 0;  ///< 1 or 2
  std::int64_t epoch = 0;  ///< finished epochs
  std::int64_t step = 0;
  double train_loss = 0;      ///< mean since the point before
  double dev_loss = 0;        ///< what early stopping compares: L_rct in stage 1, L in stage 2
  double dev_prediction = 0;  ///< L_pd, nats per token, in stage 2
};

struct PemaResult {
  std::shared_ptr<const AdapterBlock> adapter;  ///< count 1; A and B_pd of the best validation
  std::vector<PemaCurvePoint> curve;
};

/// Trains on `train`, validates on `dev` (validation is skipped when it is empty). Throws as
/// train_adapter; kUnsupported when the norm is kLayerFinal and the model has none.
[[nodiscard]] PemaResult train_pema(const Base& base, const Samples& train, const Samples& dev,
                                    const PemaOptions& options, Progress* progress = nullptr);

}  // namespace pema::train
