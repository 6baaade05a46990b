/// What a profile is worth: log-probabilities of the tokens that a person really wrote, through the
/// engine.
#pragma once

#include <cstdint>
#include <vector>

#include "pema/engine.h"
#include "pema/samples.h"
#include "pema/train/tune.h"

namespace pema::tools {

/// Rows with the base model's logits W x [n, V] beside them, computed once and scored under many
/// leases.
class ScoredRows {
 public:
  /// `rows` must outlive the object. Keeps n * V floats.
  ScoredRows(const Samples& rows, const Head& head, std::int64_t threads);

  /// Log-probability of each row's target under `lease` (null: the base model), in nats [n].
  [[nodiscard]] std::vector<double> log_probabilities(Engine& engine, const Lease* lease) const;
  /// Sum of their negatives.
  [[nodiscard]] double nll_sum(Engine& engine, const Lease* lease) const;
  /// What each source of `lease` alone gives each target, k and T of its schedule.
  [[nodiscard]] train::TargetProbabilities sources(Engine& engine, const Lease& lease) const;
  /// Rows whose likeliest word has more than `probability` under the base model.
  [[nodiscard]] std::int64_t surer_than(double probability) const;
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_.rows(); }

 private:
  Samples rows_;
  Matrix<float> logits_;
  std::vector<std::int64_t> targets_;
  std::vector<std::int64_t> step_;
  std::vector<std::int64_t> source_length_;
};

/// Adds the model's and the adapters' part of `one` to `all`, so that people can be looked at
/// together.
void append_sources(train::TargetProbabilities& all, const train::TargetProbabilities& one);

}  // namespace pema::tools
