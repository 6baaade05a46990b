// Costs from times: exact where times are exact, and never negative.
#include "src/engine/least_squares.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using engine::fit_costs;
using engine::Observation;

TEST(LeastSquares, FindsTheCostsBehindExactTimes) {
  const std::vector<double> costs = {3e-11, 7e-12, 5e-6};
  std::vector<Observation> seen;
  for (const double rows : {1.0, 4.0, 16.0, 64.0}) {
    const std::vector<double> amounts = {28e6, 28e6 * rows, 40 * rows * rows};
    seen.push_back(
        {amounts, amounts[0] * costs[0] + amounts[1] * costs[1] + amounts[2] * costs[2]});
  }
  const std::vector<double> found = fit_costs(seen);
  for (std::size_t i = 0; i < costs.size(); ++i) EXPECT_NEAR(found[i], costs[i], 1e-6 * costs[i]);
}

TEST(LeastSquares, AFastAndASlowMeasurementCountAlike) {
  // Off by 10 % each way: the fit of relative errors sits in between, not at the slow one.
  const std::vector<Observation> seen = {{{1.0}, 1.1}, {{1000.0}, 900.0}};
  EXPECT_NEAR(fit_costs(seen)[0], (1 / 1.1 + 1 / 0.9) / (1 / 1.21 + 1 / 0.81), 1e-12);
}

TEST(LeastSquares, NeverGivesANegativeCost) {
  // Times that fall with the second amount.
  const std::vector<Observation> seen = {{{1.0, 1.0}, 3.0}, {{1.0, 2.0}, 2.0}, {{1.0, 3.0}, 1.0}};
  const std::vector<double> found = fit_costs(seen);
  EXPECT_GT(found[0], 0.0);
  EXPECT_EQ(found[1], 0.0);
}

TEST(LeastSquares, WhatCannotBeToldApartStillExplainsTheTimes) {
  const std::vector<Observation> seen = {{{1.0, 2.0}, 5.0}, {{2.0, 4.0}, 10.0}};
  const std::vector<double> found = fit_costs(seen);
  EXPECT_NEAR(found[0] + 2 * found[1], 5.0, 1e-9);
}

TEST(LeastSquares, SurvivesAnyTimes) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> uniform(1e-9, 1);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Observation> seen;
    for (int i = 0; i < 5; ++i) {
      seen.push_back({{uniform(random), uniform(random), uniform(random)}, uniform(random)});
    }
    for (const double cost : fit_costs(seen)) EXPECT_TRUE(cost >= 0 && std::isfinite(cost));
  }
}

TEST(LeastSquares, RefusesATimeOfZero) {
  expect_error(
      ErrorCode::kInternal,
      [] {
        (void)fit_costs(std::vector<Observation>{{{1.0}, 0.0}});
      },
      "");
}

}  // namespace
}  // namespace pema::test
