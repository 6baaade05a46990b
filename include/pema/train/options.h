/// Options of every training call, and the recipes that were tuned for them
/// (docs/decisions/0003-training-recipe.md).
#pragma once

#include <cstdint>
#include <string_view>

#include "pema/mask.h"

namespace pema::train {

/// Adam on the mean cross entropy of the residual form (design.md section 3). The defaults are the
/// recipe of a shared adapter.
struct OptimiserOptions {
  std::int64_t epochs = 8;
  std::int64_t batch = 512;  ///< rows per step
  double learning_rate = 2e-3;
  /// The rate falls linearly over the steps, to this part of itself at the last one; 1: constant.
  double final_rate = 0.1;
  double weight_decay = 0.0;   ///< decoupled, per step times the rate (AdamW)
  double input_dropout = 0.2;  ///< on what an adapter reads, training only
  /// On z, what A gives (of the chosen adapters, in a pool), training only: adapters that must do
  /// without one another serve masks that nobody has yet.
  double bottleneck_dropout = 0.0;
  /// lambda of the loss: what learns is lambda P_pema + (1 - lambda) P_lm, as it will be used
  /// (PEMA, arXiv 2311.08590, section 3); words that the base model knows teach less. 1: P_pema
  /// alone.
  double interpolation = 1.0;
  /// Words whose logits the loss moves: every target of the train and dev rows, then the base
  /// model's likeliest words over the train rows, up to so many in all; the rest of the vocabulary
  /// keeps its base mass. 0: the full vocabulary.
  std::int64_t vocabulary = 8192;
  std::uint64_t seed = 123;

  /// The shared adapter of a pool: many people's rows.
  [[nodiscard]] static OptimiserOptions for_shared();
  /// A pool's adapters and its people's masks, jointly.
  [[nodiscard]] static OptimiserOptions for_pool();
  /// One person's mask on a few hundred rows.
  [[nodiscard]] static OptimiserOptions for_masks();
  /// One person's own adapter on a few hundred rows.
  [[nodiscard]] static OptimiserOptions for_own_adapter();

  /// Throws kInvalidArgument, naming the field, when a value is outside its range or not finite.
  void validate() const;
};

/// How a hard mask gets a gradient. Forward is always the hard mask; evaluation has no noise; ties
/// go to the lowest index.
enum class MaskEstimator : std::uint8_t {
  kStraightThrough,  ///< m = [logit > 0] (or the top k when k > 0), gradient of sigmoid(logit)
  kGumbelTopK,       ///< X-PEFT: top k of softmax((logit + g) / tau), exactly k ones
  kSoftTopK,  ///< CoDA: entropy-regularised soft top-k, k of it kept by a straight-through gate
};
[[nodiscard]] std::string_view to_string(MaskEstimator estimator) noexcept;
/// The reverse of to_string. Throws kInvalidArgument on any other text.
[[nodiscard]] MaskEstimator parse_mask_estimator(std::string_view text);

struct MaskOptions {
  bool soft = false;  ///< one weight per adapter instead of one bit
  MaskEstimator estimator = MaskEstimator::kStraightThrough;
  /// Exactly so many adapters per side; 0: as many as help (straight-through only). Ignored when
  /// soft.
  std::int64_t k = 0;
  double temperature = 1.0;  ///< tau of the Gumbel estimator, epsilon of the soft top-k
  /// Deviation of the normal logits that a mask starts from: small ones flip soon.
  double initial_deviation = 0.01;
  OptimiserOptions optimiser = OptimiserOptions::for_masks();
  /// Adapters that the mask may not select (PoolRecord::retired); they are left out of training.
  BitMask retired = {};

  /// Throws kInvalidArgument, naming the field; `adapters` is N.
  void validate(std::int64_t adapters) const;
};

}  // namespace pema::train
