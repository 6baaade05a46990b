#include "pema/train/tune.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "pema/error.h"
#include "src/train/checks.h"

namespace pema::train {
namespace {

/// A row that every source thinks impossible costs -log of this, not infinity.
constexpr double kLeastProbability = 1e-30;
constexpr int kMaxRounds = 500;

using Column = std::vector<float>;

/// Weights of lm, pema, own and shared; they sum to 1.
using Weights = std::array<double, 4>;
enum Source : std::uint8_t { kLm, kPema, kOwn, kShared };

void check_column(const Column& column, std::size_t rows, const char* name) {
  if (column.empty()) return;
  PEMA_CHECK(column.size() == rows, kInvalidArgument, "the ", name, " source has ", column.size(),
             " rows, there are ", rows, " steps");
  for (std::size_t row = 0; row < rows; ++row) {
    PEMA_CHECK(column[row] >= 0.0F && column[row] <= 1.0F, kInvalidArgument, "the ", name,
               " source gives ", column[row], " at row ", row, "; a probability lies in [0, 1]");
  }
}

void check_rows(const TargetProbabilities& rows) {
  const std::size_t n = rows.step.size();
  PEMA_CHECK(n > 0, kInvalidArgument, "there are no rows to tune on");
  PEMA_CHECK(rows.source_length.size() == n, kInvalidArgument, rows.source_length.size(),
             " source lengths for ", n, " steps");
  check_column(rows.lm, n, "lm");
  check_column(rows.pema, n, "pema");
  check_column(rows.own, n, "own");
  check_column(rows.shared, n, "shared");
  PEMA_CHECK(!rows.lm.empty() || !rows.pema.empty() || !rows.own.empty() || !rows.shared.empty(),
             kInvalidArgument, "every source is absent");
  for (std::size_t row = 0; row < n; ++row) {
    PEMA_CHECK(rows.step[row] >= 0 && rows.source_length[row] >= 0, kInvalidArgument, "row ", row,
               " has step ", rows.step[row], " and source length ", rows.source_length[row],
               "; neither may be negative");
  }
}

double value_at(const Column& column, std::size_t row) {
  return column.empty() ? 0.0 : static_cast<double>(column[row]);
}

/// The model's own part of a row: lambda P_pema + (1 - lambda) P_lm.
double model_probability(const TargetProbabilities& rows, const LambdaSchedule& schedule,
                         std::size_t row) {
  const double lambda = schedule.at(rows.step[row], rows.source_length[row]);
  return lambda * value_at(rows.pema, row) + (1.0 - lambda) * value_at(rows.lm, row);
}

Weights weights_of(const LambdaSchedule& schedule) {
  const double model = 1.0 - schedule.lambda_own - schedule.lambda_shared;
  return {model * (1.0 - schedule.lambda_max), model * schedule.lambda_max, schedule.lambda_own,
          schedule.lambda_shared};
}

/// `weights` without the absent sources, summing to 1 again; even where nothing is left.
Weights only_present(Weights weights, const std::array<bool, 4>& present) {
  double sum = 0;
  for (std::size_t s = 0; s < 4; ++s) sum += present[s] ? weights[s] : 0.0;
  const double count = static_cast<double>(std::count(present.begin(), present.end(), true));
  for (std::size_t s = 0; s < 4; ++s) {
    weights[s] = !present[s] ? 0.0 : sum > 0 ? weights[s] / sum : 1.0 / count;
  }
  return weights;
}

/// Maximum a posteriori weights of a mixture by expectation maximisation: column(s, row) is source
/// s's probability, `prior` the weights that `prior_rows` pseudo rows speak for.
Weights fit_weights(std::size_t rows, const std::function<double(std::size_t, std::size_t)>& column,
                    const std::array<bool, 4>& present, const Weights& prior, double prior_rows) {
  const Weights even = only_present({}, present);
  Weights weights{};
  for (std::size_t s = 0; s < 4; ++s) weights[s] = 0.5 * (prior[s] + even[s]);
  for (int round = 0; round < kMaxRounds; ++round) {
    Weights counts{};
    for (std::size_t s = 0; s < 4; ++s) counts[s] = prior_rows * prior[s];
    for (std::size_t row = 0; row < rows; ++row) {
      Weights part{};
      double sum = 0;
      for (std::size_t s = 0; s < 4; ++s) {
        part[s] = present[s] ? weights[s] * column(s, row) : 0.0;
        sum += part[s];
      }
      if (sum <= kLeastProbability) continue;  // no weights explain this row
      for (std::size_t s = 0; s < 4; ++s) counts[s] += part[s] / sum;
    }
    double total = 0;
    for (const double count : counts) total += count;
    if (total <= 0) return weights;
    double moved = 0;
    for (std::size_t s = 0; s < 4; ++s) {
      moved = std::max(moved, std::abs(weights[s] - counts[s] / total));
      weights[s] = counts[s] / total;
    }
    if (moved < 1e-7) break;
  }
  return weights;
}

LambdaSchedule with_weights(LambdaSchedule schedule, const Weights& weights) {
  const double model = weights[kLm] + weights[kPema];
  schedule.lambda_own = weights[kOwn];
  schedule.lambda_shared = weights[kShared];
  schedule.lambda_max = model > 0 ? std::clamp(weights[kPema] / model, 0.0, 1.0) : 0.0;
  return schedule;
}

/// What the search minimises: NLL per row plus what the prior's pseudo rows say.
double penalised(const TargetProbabilities& rows, const LambdaSchedule& schedule,
                 const Weights& prior, double prior_rows) {
  const Weights weights = weights_of(schedule);
  double penalty = 0;
  for (std::size_t s = 0; s < 4; ++s) {
    if (prior[s] > 0) penalty -= prior[s] * std::log(std::max(weights[s], kLeastProbability));
  }
  return mixture_nll(rows, schedule) + prior_rows * penalty / static_cast<double>(rows.step.size());
}

/// Least point of a function on [0, 1]: a grid, then golden section around its best point.
double minimise(const std::function<double(double)>& function) {
  constexpr int kGrid = 20;
  int best = 0;
  double best_value = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kGrid; ++i) {
    const double value = function(static_cast<double>(i) / kGrid);
    if (value < best_value) {
      best = i;
      best_value = value;
    }
  }
  double low = std::max(0.0, (best - 1.0) / kGrid);
  double high = std::min(1.0, (best + 1.0) / kGrid);
  const double ratio = (std::sqrt(5.0) - 1.0) / 2.0;
  while (high - low > 5e-5) {
    const double left = high - ratio * (high - low);
    const double right = low + ratio * (high - low);
    if (function(left) <= function(right)) {
      high = right;
    } else {
      low = left;
    }
  }
  const double middle = 0.5 * (low + high);
  return function(middle) <= best_value ? middle : static_cast<double>(best) / kGrid;
}

}  // namespace

std::vector<LambdaCurve> all_lambda_curves() {
  std::vector<LambdaCurve> curves;
  for (const LambdaCurve curve :
       {LambdaCurve::kConstant, LambdaCurve::kLinear, LambdaCurve::kSquared}) {
    curves.push_back(curve);
  }
  return curves;
}

double mixture_nll(const TargetProbabilities& rows, const LambdaSchedule& schedule) {
  check_rows(rows);
  const double model = std::max(0.0, 1.0 - schedule.lambda_own - schedule.lambda_shared);
  double total = 0;
  for (std::size_t row = 0; row < rows.step.size(); ++row) {
    const double p = schedule.lambda_own * value_at(rows.own, row) +
                     schedule.lambda_shared * value_at(rows.shared, row) +
                     model * model_probability(rows, schedule, row);
    total -= std::log(std::max(p, kLeastProbability));
  }
  return total / static_cast<double>(rows.step.size());
}

TuneResult tune_schedule(const TargetProbabilities& dev, const LambdaSchedule& start,
                         const TuneOptions& options) {
  check_rows(dev);
  start.validate();
  check_range(options.prior_rows, 0, 1e9, "prior_rows");
  const std::array<bool, 4> present{!dev.lm.empty(), !dev.pema.empty(), !dev.own.empty(),
                                    !dev.shared.empty()};
  const Weights prior = only_present(weights_of(start), present);
  const std::array<const Column*, 4> columns{&dev.lm, &dev.pema, &dev.own, &dev.shared};
  LambdaSchedule best = start;
  best.curve = LambdaCurve::kConstant;
  best = with_weights(best, fit_weights(
                                dev.step.size(),
                                [&](std::size_t source, std::size_t row) {
                                  return value_at(*columns[source], row);
                                },
                                present, prior, options.prior_rows));
  double best_value = penalised(dev, best, prior, options.prior_rows);
  // A curve moves weight between the personal and the base distribution: both must be there.
  const bool curves = present[kLm] && present[kPema];
  for (const LambdaCurve curve : options.curves) {
    if (curve == LambdaCurve::kConstant || !curves) continue;
    LambdaSchedule schedule = start;
    schedule.curve = curve;
    const Weights split{prior[kLm] + prior[kPema], 0, prior[kOwn], prior[kShared]};
    const auto fitted = [&](double lambda_max) {
      LambdaSchedule candidate = schedule;
      candidate.lambda_max = lambda_max;
      const Weights weights = fit_weights(
          dev.step.size(),
          [&](std::size_t source, std::size_t row) {
            return source == kLm ? model_probability(dev, candidate, row)
                                 : value_at(*columns[source], row);
          },
          {true, false, present[kOwn], present[kShared]}, split, options.prior_rows);
      candidate.lambda_own = weights[kOwn];
      candidate.lambda_shared = weights[kShared];
      return candidate;
    };
    const LambdaSchedule candidate = fitted(minimise([&](double lambda_max) {
      return penalised(dev, fitted(lambda_max), prior, options.prior_rows);
    }));
    const double value = penalised(dev, candidate, prior, options.prior_rows);
    if (value < best_value) {
      best = candidate;
      best_value = value;
    }
  }
  TuneResult result{best.quantised(), 0.0};
  result.dev_nll = mixture_nll(dev, result.schedule);
  return result;
}

}  // namespace pema::train
