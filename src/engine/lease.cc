#include "src/engine/lease.h"

#include <algorithm>

#include "pema/error.h"

namespace pema {
namespace engine {
namespace {

// Weights are kept in steps of 1e-4; anything this small is left over from rounding.
constexpr double kNothing = 1e-9;

bool has_entries(const std::vector<std::shared_ptr<const Segment>>& segments) {
  return std::any_of(segments.begin(), segments.end(), [](const auto& segment) {
    PEMA_CHECK(segment != nullptr, kInvalidArgument, "a lease holds a null segment");
    return segment->info().entries > 0;
  });
}

}  // namespace

SourceWeights source_weights(const Lease& lease) {
  SourceWeights weights;
  const bool adapters =
      lease.pool != nullptr && (lease.pool->shared() != nullptr || !lease.mask.none());
  if (lease.gate != nullptr) {
    weights.own = has_entries(lease.own) ? 1.0 : 0.0;
    weights.shared = has_entries(lease.shared) ? 1.0 : 0.0;
    weights.personal = adapters && lease.schedule.lambda_max > 0.0;
    return weights;
  }
  if (has_entries(lease.own)) weights.own = lease.schedule.lambda_own;
  if (has_entries(lease.shared)) weights.shared = lease.schedule.lambda_shared;
  weights.rest = 1.0 - weights.own - weights.shared;
  if (weights.rest < kNothing) weights.rest = 0.0;
  weights.personal = adapters && lease.schedule.lambda_max > 0.0 && weights.rest > 0.0;
  return weights;
}

SourceWeights without_memory(SourceWeights weights) noexcept {
  weights.own = 0.0;
  weights.shared = 0.0;
  weights.rest = 1.0;
  return weights;
}

}  // namespace engine

bool Lease::inert() const {
  const engine::SourceWeights weights = engine::source_weights(*this);
  return !weights.personal && weights.own == 0.0 && weights.shared == 0.0;
}

}  // namespace pema
