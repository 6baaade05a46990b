#include <cmath>

#include "pema/error.h"
#include "pema/memory.h"
#include "src/core/finite.h"

namespace pema {
namespace {

/// Writes the direction of feature / gain (gain null: of the feature) to `key`; all are [d].
void make_key(std::span<const float> feature, const float* gain, float* key) {
  const auto value = [&](std::size_t i) {
    const auto x = static_cast<double>(feature[i]);
    if (gain == nullptr) return x;
    return gain[i] == 0.0F ? 0.0 : x / static_cast<double>(gain[i]);
  };
  double sum = 0;
  for (std::size_t i = 0; i < feature.size(); ++i) sum += value(i) * value(i);
  const double length = std::sqrt(sum);
  for (std::size_t i = 0; i < feature.size(); ++i) {
    key[i] = length == 0.0 ? 0.0F : static_cast<float>(value(i) / length);
  }
}

}  // namespace

void make_recall_keys(MatrixView<const float> features, FeatureSite site,
                      std::span<const float> norm_weight, MatrixView<float> keys) {
  PEMA_CHECK(keys.rows == features.rows && keys.cols == features.cols, kInvalidArgument,
             "keys have the shape [", keys.rows, ", ", keys.cols, "], features [", features.rows,
             ", ", features.cols, "]; they must agree");
  const bool post_norm = site == FeatureSite::kPostNorm;
  if (post_norm) {
    PEMA_CHECK(static_cast<std::int64_t>(norm_weight.size()) == features.cols, kInvalidArgument,
               "the norm has ", norm_weight.size(), " gains, features have width ", features.cols,
               "; take both from one base model");
    PEMA_CHECK(core::all_finite(norm_weight), kInvalidArgument,
               "the norm has a gain that is NaN or infinite; check the base model's file");
  }
  for (std::int64_t i = 0; i < features.rows; ++i) {
    PEMA_CHECK(core::all_finite(features.row_span(i)), kInvalidArgument, "feature row ", i,
               " has a value that is NaN or infinite; check the base model's output");
    make_key(features.row_span(i), post_norm ? norm_weight.data() : nullptr, keys.row(i));
  }
}

}  // namespace pema
