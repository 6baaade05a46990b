#include "pema/train/gate.h"

#include <algorithm>
#include <cmath>

#include "pema/error.h"

namespace pema::train {
namespace {

constexpr std::size_t kParameters = kMixtureSources * MixtureGate::kSignals;
constexpr double kFirstDecay = 0.9;  // Adam's, as Kingma and Ba 2015 (arXiv 1412.6980)
constexpr double kSecondDecay = 0.999;
constexpr double kEpsilon = 1e-8;
// Keeps the logarithm finite where no source gives the token anything.
constexpr double kLeast = 1e-12;

using Parameters = std::array<double, kParameters>;

void check(std::span<const GateRow> rows) {
  PEMA_CHECK(!rows.empty(), kInvalidArgument,
             "a gate is learnt from at least one row; give the pool's people dev parts");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const double signal : MixtureGate::signals(rows[i].input)) {
      PEMA_CHECK(std::isfinite(signal), kInvalidArgument, "gate row ", i,
                 " has a signal that is not finite");
    }
    for (const double probability : rows[i].probability) {
      PEMA_CHECK(probability >= 0.0 && probability <= 1.0, kInvalidArgument, "gate row ", i,
                 " has the probability ", probability, "; it must lie in [0, 1]");
    }
  }
}

/// The row as one with these memories only. False when it lacks one of them, and where its own keys
/// are quantised but not among them: the same row with exact keys teaches to do without.
bool restrict_to(std::size_t memories, GateInput& input) {
  const bool own = memories >= 2;
  const bool shared = (memories & 1U) != 0;
  if ((own && !input.has_own) || (shared && !input.has_shared)) return false;
  const bool quantised = memories >= MixtureGate::kPlainMemories;
  if (quantised != (input.has_own && input.quantised_own)) return false;
  input.has_own = own;
  input.has_shared = shared;
  if (!own) input.own = {};
  if (!shared) input.shared = {};
  return true;
}

std::array<bool, kMixtureSources> present(const GateInput& input) {
  return {true, input.has_personal, input.has_shared, input.has_own};
}

/// d(-log sum_s g_s p_s) / d score_s = g_s - g_s p_s / sum.
void add_gradient(const GateRow& row, const std::array<double, kMixtureSources>& gate,
                  Parameters& gradient) {
  const auto there = present(row.input);
  double sum = kLeast;
  for (std::size_t s = 0; s < kMixtureSources; ++s) {
    if (there[s]) sum += gate[s] * row.probability[s];
  }
  const auto signals = MixtureGate::signals(row.input);
  for (std::size_t s = 0; s < kMixtureSources; ++s) {
    if (!there[s]) continue;
    const double slope = gate[s] - gate[s] * row.probability[s] / sum;
    for (std::size_t i = 0; i < signals.size(); ++i) {
      gradient[s * signals.size() + i] += slope * signals[i];
    }
  }
}

void learn_weights(std::span<const GateRow> rows, std::size_t memories, const GateOptions& options,
                   MixtureGate::Weights& weights) {
  Parameters values{};
  Parameters first{};
  Parameters second{};
  const auto count = static_cast<double>(rows.size());
  for (std::int64_t step = 1; step <= options.steps; ++step) {
    for (std::size_t p = 0; p < kParameters; ++p) {
      weights[memories][p / MixtureGate::kSignals][p % MixtureGate::kSignals] =
          static_cast<float>(values[p]);
    }
    const MixtureGate gate(weights);
    Parameters gradient{};
    for (const GateRow& row : rows) add_gradient(row, gate(row.input), gradient);
    const auto t = static_cast<double>(step);
    for (std::size_t p = 0; p < kParameters; ++p) {
      const bool constant = p % MixtureGate::kSignals + 1 == MixtureGate::kSignals;
      const double slope =
          gradient[p] / count + (constant ? 0.0 : options.weight_decay * values[p]);
      first[p] = kFirstDecay * first[p] + (1 - kFirstDecay) * slope;
      second[p] = kSecondDecay * second[p] + (1 - kSecondDecay) * slope * slope;
      const double mean = first[p] / (1 - std::pow(kFirstDecay, t));
      const double spread = std::sqrt(second[p] / (1 - std::pow(kSecondDecay, t)));
      values[p] -= options.learning_rate * mean / (spread + kEpsilon);
    }
  }
  for (std::size_t p = 0; p < kParameters; ++p) {
    weights[memories][p / MixtureGate::kSignals][p % MixtureGate::kSignals] =
        static_cast<float>(values[p]);
  }
}

}  // namespace

MixtureGate learn_gate(std::span<const GateRow> rows, const GateOptions& options) {
  check(rows);
  PEMA_CHECK(options.steps >= 1 && options.learning_rate > 0 && options.weight_decay >= 0,
             kInvalidArgument, "a gate is learnt in at least 1 step at a positive rate, not in ",
             options.steps, " at ", options.learning_rate);
  MixtureGate::Weights weights{};
  for (std::size_t memories = 0; memories < MixtureGate::kMemories; ++memories) {
    std::vector<GateRow> some;
    for (GateRow row : rows) {
      if (restrict_to(memories, row.input)) some.push_back(row);
    }
    if (!some.empty()) {
      learn_weights(some, memories, options, weights);
    } else if (memories >= MixtureGate::kPlainMemories) {
      weights[memories] = weights[memories - 2];
    }
  }
  return MixtureGate(weights, options.recall);
}

double gate_nll(const MixtureGate& gate, std::span<const GateRow> rows) {
  check(rows);
  double sum = 0;
  for (const GateRow& row : rows) {
    const auto weights = gate(row.input);
    double probability = kLeast;
    for (std::size_t s = 0; s < kMixtureSources; ++s) {
      if (weights[s] > 0) probability += weights[s] * row.probability[s];
    }
    sum -= std::log(probability);
  }
  return sum / static_cast<double>(rows.size());
}

}  // namespace pema::train
