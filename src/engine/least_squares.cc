#include "src/engine/least_squares.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "pema/error.h"

namespace pema::engine {
namespace {

// Two columns whose angle is below this cannot be told apart by noisy times.
constexpr double kPivot = 1e-9;

/// Normal equations of the columns in `used`; costs elsewhere are 0. Gauss with the largest pivot.
std::vector<double> solve(std::span<const Observation> observations,
                          const std::vector<std::size_t>& used, std::size_t unknowns) {
  const std::size_t n = used.size();
  std::vector<std::vector<double>> a(n, std::vector<double>(n + 1, 0.0));
  for (const Observation& seen : observations) {
    for (std::size_t i = 0; i < n; ++i) {
      const double share = seen.amounts[used[i]] / seen.seconds;
      for (std::size_t j = 0; j < n; ++j) a[i][j] += share * seen.amounts[used[j]] / seen.seconds;
      a[i][n] += share;
    }
  }
  // Columns differ by orders of magnitude: each is brought to length 1.
  std::vector<double> length(n);
  for (std::size_t i = 0; i < n; ++i) length[i] = std::sqrt(a[i][i]);
  for (std::size_t i = 0; i < n; ++i) {
    if (length[i] == 0) continue;
    for (std::size_t j = 0; j < n; ++j) a[i][j] /= length[i] * (length[j] > 0 ? length[j] : 1);
    a[i][n] /= length[i];
  }
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < n; ++r) {
      if (std::abs(a[r][c]) > std::abs(a[pivot][c])) pivot = r;
    }
    std::swap(a[c], a[pivot]);
    if (std::abs(a[c][c]) < kPivot) continue;
    for (std::size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      const double factor = a[r][c] / a[c][c];
      for (std::size_t j = c; j <= n; ++j) a[r][j] -= factor * a[c][j];
    }
  }
  std::vector<double> costs(unknowns, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    if (std::abs(a[i][i]) >= kPivot) costs[used[i]] = a[i][n] / a[i][i] / length[i];
  }
  return costs;
}

double error_of(std::span<const Observation> observations, const std::vector<double>& costs) {
  double sum = 0;
  for (const Observation& seen : observations) {
    double predicted = 0;
    for (std::size_t i = 0; i < costs.size(); ++i) predicted += seen.amounts[i] * costs[i];
    const double off = predicted / seen.seconds - 1;
    sum += off * off;
  }
  return sum;
}

}  // namespace

std::vector<double> fit_costs(std::span<const Observation> observations) {
  PEMA_ASSERT(!observations.empty());
  const std::size_t unknowns = observations.front().amounts.size();
  PEMA_ASSERT(unknowns >= 1 && unknowns <= 8);
  for (const Observation& seen : observations) {
    PEMA_ASSERT(seen.amounts.size() == unknowns && seen.seconds > 0);
  }
  // The best of all subsets of unknowns whose own best costs are not negative: exact, and there
  // are at most 255.
  std::vector<double> best(unknowns, 0.0);
  double least = std::numeric_limits<double>::infinity();
  for (unsigned subset = 1; subset < (1U << unknowns); ++subset) {
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < unknowns; ++i) {
      if ((subset >> i & 1U) != 0) used.push_back(i);
    }
    const std::vector<double> costs = solve(observations, used, unknowns);
    if (std::any_of(costs.begin(), costs.end(), [](double cost) { return !(cost >= 0); })) continue;
    const double error = error_of(observations, costs);
    if (error < least) {
      least = error;
      best = costs;
    }
  }
  return best;
}

}  // namespace pema::engine
