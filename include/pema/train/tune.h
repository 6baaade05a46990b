/// Choosing a person's lambda schedule on their dev part.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pema/schedule.h"

namespace pema::train {

/// What each source gives the target token of each dev row, all [n]. A source that is absent has an
/// empty vector.
struct TargetProbabilities {
  std::vector<float> lm;
  std::vector<float> pema;
  std::vector<float> own;
  std::vector<float> shared;
  std::vector<std::int64_t> step;           ///< t of each row
  std::vector<std::int64_t> source_length;  ///< of each row
};

/// Constant, linear and squared.
[[nodiscard]] std::vector<LambdaCurve> all_lambda_curves();

struct TuneOptions {
  /// Curves to try; the constant one is always tried.
  std::vector<LambdaCurve> curves = all_lambda_curves();
  /// Strength of the pull towards `start`'s weights, in pseudo rows: small dev parts must not
  /// decide alone.
  double prior_rows = 10.0;
};

struct TuneResult {
  LambdaSchedule schedule;  ///< quantised
  double dev_nll = 0;       ///< nats per row under it
};

/// The schedule with the least NLL on the rows; weights by expectation maximisation, curve by
/// comparison; absent sources get weight 0. `start` gives the prior, k and T. Throws
/// kInvalidArgument when vectors disagree in length, are empty, or hold values outside [0, 1].
[[nodiscard]] TuneResult tune_schedule(const TargetProbabilities& dev, const LambdaSchedule& start,
                                       const TuneOptions& options = {});

/// Mean NLL of the rows under a schedule, in nats.
[[nodiscard]] double mixture_nll(const TargetProbabilities& rows, const LambdaSchedule& schedule);

}  // namespace pema::train
