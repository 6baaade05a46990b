#include "pema/train/options.h"

#include "pema/error.h"
#include "src/train/checks.h"

namespace pema::train {

OptimiserOptions OptimiserOptions::for_shared() { return {}; }

OptimiserOptions OptimiserOptions::for_pool() {
  OptimiserOptions options;
  options.epochs = 16;
  options.learning_rate = 1e-3;
  options.bottleneck_dropout = 0.65;
  return options;
}

OptimiserOptions OptimiserOptions::for_masks() {
  OptimiserOptions options;
  options.epochs = 20;
  options.batch = 128;
  options.learning_rate = 0.05;
  options.bottleneck_dropout = 0.5;
  options.interpolation = 0.8;
  options.vocabulary = 4096;
  return options;
}

OptimiserOptions OptimiserOptions::for_own_adapter() {
  OptimiserOptions options;
  options.epochs = 12;
  options.batch = 128;
  options.learning_rate = 2e-3;
  options.vocabulary = 4096;
  return options;
}

void OptimiserOptions::validate() const {
  check_range(static_cast<double>(epochs), 1, 1e6, "epochs");
  check_range(static_cast<double>(batch), 1, 1e6, "batch");
  check_range(learning_rate, 1e-12, 10, "learning_rate");
  check_range(final_rate, 0, 1, "final_rate");
  check_range(weight_decay, 0, 10, "weight_decay");
  check_range(input_dropout, 0, 0.95, "input_dropout");
  check_range(bottleneck_dropout, 0, 0.95, "bottleneck_dropout");
  check_range(interpolation, 0.01, 1, "interpolation");
  check_range(static_cast<double>(vocabulary), 0, 1e9, "vocabulary");
}

std::string_view to_string(MaskEstimator estimator) noexcept {
  switch (estimator) {
    case MaskEstimator::kStraightThrough:
      return "straight_through";
    case MaskEstimator::kGumbelTopK:
      return "gumbel_top_k";
    case MaskEstimator::kSoftTopK:
      return "soft_top_k";
  }
  return "unknown";
}

MaskEstimator parse_mask_estimator(std::string_view text) {
  for (const MaskEstimator estimator :
       {MaskEstimator::kStraightThrough, MaskEstimator::kGumbelTopK, MaskEstimator::kSoftTopK}) {
    if (text == to_string(estimator)) return estimator;
  }
  fail(ErrorCode::kInvalidArgument, "'", text,
       "' is no mask estimator; use straight_through, gumbel_top_k or soft_top_k");
}

void MaskOptions::validate(std::int64_t adapters) const {
  optimiser.validate();
  check_range(temperature, 1e-3, 1e3, "temperature");
  check_range(initial_deviation, 0, 100, "initial_deviation");
  PEMA_CHECK(retired.size() <= adapters, kInvalidArgument, "retired is over ", retired.size(),
             " adapters; the pool has ", adapters);
  const std::int64_t left = adapters - retired.popcount();
  PEMA_CHECK(left > 0, kInvalidArgument, "all of the pool's ", adapters,
             " adapters are retired, there is nothing to mask");
  PEMA_CHECK(k >= 0 && k <= left, kInvalidArgument, "k is ", k, "; the pool has ", left,
             " adapters that are not retired");
  PEMA_CHECK(soft || k > 0 || estimator == MaskEstimator::kStraightThrough, kInvalidArgument,
             "the ", to_string(estimator), " estimator needs k, the number of adapters to choose");
}

}  // namespace pema::train
