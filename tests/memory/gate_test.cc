// What a gate sees, and that it weighs only what is there.
#include "pema/gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "pema/memory.h"
#include "tests/support/expect_error.h"

namespace pema {
namespace {

TEST(RecallSignals, AreNearestMeanAndAgreement) {
  const std::vector<Neighbour> neighbours{{0.25F, 7}, {0.5F, 3}, {1.5F, 7}};
  const auto signals = recall_signals(neighbours, recall_distribution(neighbours, 1e6));
  EXPECT_DOUBLE_EQ(signals.nearest, 0.25);
  EXPECT_DOUBLE_EQ(signals.mean, 0.75);
  EXPECT_NEAR(signals.agreement, 2.0 / 3.0, 1e-6);
  const auto none = recall_signals({}, {});
  EXPECT_EQ(none.nearest, 0.0);
  EXPECT_EQ(none.agreement, 0.0);
}

TEST(MixtureGate, WithoutWeightsAllPresentSourcesCountTheSame) {
  const MixtureGate gate;
  GateInput row;
  EXPECT_EQ(gate(row), (std::array<double, 4>{1, 0, 0, 0}));
  row.has_personal = true;
  EXPECT_EQ(gate(row), (std::array<double, 4>{0.5, 0.5, 0, 0}));
  row.has_own = true;
  row.has_shared = true;
  EXPECT_EQ(gate(row), (std::array<double, 4>{0.25, 0.25, 0.25, 0.25}));
}

TEST(MixtureGate, TakesTheWeightsOfTheMemoriesThatARowHas) {
  MixtureGate::Weights weights{};
  weights[2][3][0] = -2;  // own memory only: own counts less the further it is
  weights[3][3][0] = 5;
  const MixtureGate gate(weights);
  GateInput row;
  row.has_own = true;
  row.own.nearest = 1.5;
  const auto g = gate(row);
  EXPECT_NEAR(g[3], std::exp(-3.0) / (1 + std::exp(-3.0)), 1e-12);
  EXPECT_EQ(g[1], 0.0);
  EXPECT_EQ(g[2], 0.0);
}

TEST(MixtureGate, WeighsQuantisedOwnKeysByWeightsOfTheirOwn) {
  MixtureGate::Weights weights{};
  weights[2][3][8] = 3;
  weights[4][3][8] = -3;
  const MixtureGate gate(weights);
  GateInput row;
  row.quantised_own = true;
  EXPECT_EQ(MixtureGate::memories(row), 0U);  // nothing is quantised where there is no own memory
  row.has_own = true;
  EXPECT_LT(gate(row)[3], 0.1);
  EXPECT_GT(MixtureGate(MixtureGate::without_quantised(weights))(row)[3], 0.9);
  row.quantised_own = false;
  EXPECT_GT(gate(row)[3], 0.9);
  row.quantised_own = row.has_shared = true;
  EXPECT_EQ(MixtureGate::memories(row), 5U);
}

TEST(MixtureGate, StandsHugeScoresAndRefusesInfiniteWeights) {
  MixtureGate::Weights weights{};
  weights[0][0][8] = 3e38F;
  weights[0][1][8] = -3e38F;
  GateInput row;
  row.has_personal = true;
  const auto g = MixtureGate(weights)(row);
  EXPECT_EQ(std::accumulate(g.begin(), g.end(), 0.0), 1.0);
  EXPECT_EQ(g[0], 1.0);
  weights[3][2][1] = std::numeric_limits<float>::infinity();
  test::expect_error(ErrorCode::kInvalidArgument, [&] { MixtureGate gate(weights); });
}

}  // namespace
}  // namespace pema
