/// Costs that are not negative from measured times, by least squares of relative errors.
#pragma once

#include <span>
#include <vector>

namespace pema::engine {

/// A measured time: seconds = sum_i amounts[i] costs[i].
struct Observation {
  std::vector<double> amounts;  ///< [unknowns], at least 0
  double seconds = 0;           ///< above 0
};

/// Costs [unknowns] >= 0 with the least sum of squares of (predicted / measured - 1). A cost that
/// no observation tells apart from the others is 0. Throws kInternal when lengths disagree or a
/// time is not above 0. Thread-safety: reentrant.
[[nodiscard]] std::vector<double> fit_costs(std::span<const Observation> observations);

}  // namespace pema::engine
