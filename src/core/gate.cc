#include "pema/gate.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "pema/error.h"

namespace pema {

MixtureGate::MixtureGate(const Weights& weights, const GateRecall& recall)
    : weights_(weights), recall_(recall) {
  for (const auto& memories : weights) {
    for (const auto& source : memories) {
      for (const float weight : source) {
        PEMA_CHECK(std::isfinite(weight), kInvalidArgument,
                   "a gate's weight is not finite; learn the gate again");
      }
    }
  }
  PEMA_CHECK(recall.neighbours >= 1 && recall.neighbours <= 4096, kInvalidArgument,
             "a gate's neighbours are ", recall.neighbours, "; they must lie in [1, 4096]");
  PEMA_CHECK(std::isfinite(recall.temperature) && recall.temperature >= 1e-6 &&
                 recall.temperature <= 1000.0,
             kInvalidArgument, "a gate's temperature is ", recall.temperature,
             "; it must lie in [1e-6, 1000]");
}

MixtureGate::Weights MixtureGate::without_quantised(Weights weights) noexcept {
  for (std::size_t m = kPlainMemories; m < kMemories; ++m) weights[m] = weights[m - 2];
  return weights;
}

bool MixtureGate::knows_quantised() const noexcept {
  const Weights without = without_quantised(weights_);
  return std::memcmp(&without, &weights_, sizeof without) != 0;  // by bits, as objects are
}

std::array<double, MixtureGate::kSignals> MixtureGate::signals(const GateInput& row) noexcept {
  const auto near = [](bool there, const RecallSignals& signals) {
    return there ? std::log(std::max(signals.nearest, 0.0) + kDistanceFloor) : 0.0;
  };
  return {row.own.nearest,   near(row.has_own, row.own), row.own.mean,
          row.own.agreement, row.shared.nearest,         near(row.has_shared, row.shared),
          row.shared.mean,   row.shared.agreement,       1.0};
}

std::array<double, kMixtureSources> MixtureGate::operator()(const GateInput& row) const {
  const std::array<bool, kMixtureSources> present{true, row.has_personal, row.has_shared,
                                                  row.has_own};
  const std::array<double, kSignals> values = signals(row);
  const auto& weights = weights_[memories(row)];
  std::array<double, kMixtureSources> scores{};
  double highest = 0;
  for (std::size_t s = 0; s < kMixtureSources; ++s) {
    for (std::size_t i = 0; i < kSignals; ++i) {
      scores[s] += static_cast<double>(weights[s][i]) * values[i];
    }
    if (s == 0 || (present[s] && scores[s] > highest)) highest = scores[s];
  }
  double sum = 0;
  for (std::size_t s = 0; s < kMixtureSources; ++s) {
    scores[s] = present[s] ? std::exp(scores[s] - highest) : 0.0;
    sum += scores[s];
  }
  for (double& score : scores) score /= sum;
  return scores;
}

}  // namespace pema
