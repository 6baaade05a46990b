// Times the kernels in turns, and finds the costs that explain the times.
#include <algorithm>
#include <chrono>
#include <utility>

#include "pema/planner.h"
#include "src/engine/check.h"
#include "src/engine/least_squares.h"
#include "src/engine/measurements.h"

namespace pema {
namespace {

using Clock = std::chrono::steady_clock;
using engine::Observation;
using engine::Point;

constexpr std::int64_t kLeastAdapters = 64;
constexpr double kFastest = 1e-9;  // a clock's tick: no time is below

/// Whatever else runs on the machine only adds time, and a barrier of two threads can wait for it a
/// whole time slice: the least is the one that says most.
double least(const std::vector<double>& seconds) {
  return std::max(kFastest, *std::min_element(seconds.begin(), seconds.end()));
}

void measure(std::vector<Point>& points, const MeasureOptions& options) {
  const std::int64_t all = options.rounds * std::ssize(points);
  std::int64_t done = 0;
  for (std::int64_t round = -1; round < options.rounds; ++round) {  // the first one warms up
    for (Point& point : points) {
      checkpoint(options.progress, "measuring", done, all, "measurements");
      const auto start = Clock::now();
      point.run();
      if (round < 0) continue;
      point.seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
      ++done;
    }
  }
  checkpoint(options.progress, "measuring", done, all, "measurements");
}

/// Fits `wanted` to the points that are about them, by their first cost; other costs of a point are
/// taken as found before.
void fit(const std::vector<Point>& points, const std::vector<double MachineCosts::*>& wanted,
         MachineCosts& costs) {
  std::vector<Observation> seen;
  for (const Point& point : points) {
    if (std::find(wanted.begin(), wanted.end(), point.costs.front()) == wanted.end()) continue;
    Observation observation{std::vector<double>(wanted.size(), 0.0), least(point.seconds)};
    double known = 0;
    for (std::size_t i = 0; i < point.costs.size(); ++i) {
      const auto found = std::find(wanted.begin(), wanted.end(), point.costs[i]);
      if (found == wanted.end()) {
        known += point.amounts[i] * (costs.*point.costs[i]);
      } else {
        observation.amounts[static_cast<std::size_t>(found - wanted.begin())] = point.amounts[i];
      }
    }
    observation.seconds = std::max(observation.seconds - known, observation.seconds / 100);
    seen.push_back(std::move(observation));
  }
  const std::vector<double> found = engine::fit_costs(seen);
  for (std::size_t i = 0; i < wanted.size(); ++i) costs.*wanted[i] = found[i];
}

}  // namespace

MachineCosts measure_costs(const ModelInfo& model, const Head& head,
                           const MeasureOptions& options) {
  engine::check_head(model, head);
  PEMA_CHECK(options.adapters >= kLeastAdapters && options.rounds >= 1, kInvalidArgument,
             "cannot measure with ", options.adapters, " adapters in ", options.rounds,
             " rounds; at least ", kLeastAdapters, " and 1 are needed");
  checkpoint(options.progress, "measuring", 0, 0, "measurements");
  engine::Measurements measurements(model, head, options);
  std::vector<Point> points = measurements.points();
  measure(points, options);
  using Costs = MachineCosts;
  MachineCosts costs;
  fit(points, {&Costs::parallel_run}, costs);
  fit(points, {&Costs::head_read, &Costs::head_add}, costs);
  fit(points, {&Costs::float32_read, &Costs::float32_add}, costs);
  fit(points, {&Costs::half_read, &Costs::half_add}, costs);
  fit(points, {&Costs::int8_read, &Costs::int8_add}, costs);
  fit(points, {&Costs::pool_read, &Costs::gate_add, &Costs::delta_add}, costs);
  for (double Costs::*const single :
       {&Costs::composed_read, &Costs::compose_copy, &Costs::compose_sum, &Costs::quantise,
        &Costs::list_entry, &Costs::copy_logit, &Costs::interpolate_word}) {
    fit(points, {single}, costs);
  }
  check_costs(costs);
  return costs;
}

}  // namespace pema
