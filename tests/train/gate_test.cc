// A gate learns when a memory is to be trusted.
#include "pema/train/gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/support/expect_error.h"

namespace pema::train {
namespace {

/// Rows whose own memory is right when it is near and wrong when it is far; the personal
/// distribution gives 0.1 always, the model 0.05.
std::vector<GateRow> rows_with_memory(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<GateRow> rows(count);
  for (GateRow& row : rows) {
    row.input.has_personal = row.input.has_own = row.input.has_shared = true;
    row.input.own.nearest = uniform(random);
    row.input.shared.nearest = uniform(random);
    row.probability = {0.05, 0.1, 0.0, row.input.own.nearest < 0.5 ? 0.8 : 0.0};
  }
  return rows;
}

TEST(Gate, LearnsToTrustANearMemoryOnPeopleItHasNotSeen) {
  const MixtureGate gate = learn_gate(rows_with_memory(2000, 1));
  const std::vector<GateRow> others = rows_with_memory(2000, 2);
  const double equal = gate_nll(MixtureGate(), others);
  const double learnt = gate_nll(gate, others);
  // The oracle: 0.8 from memory half of the time, 0.1 from the adapters otherwise.
  const double best = -0.5 * (std::log(0.8) + std::log(0.1));
  EXPECT_LT(learnt, equal - 0.2);
  EXPECT_LT(learnt, best + 0.25);
  EXPECT_GT(learnt, best);
  GateInput row = others[0].input;
  row.own.nearest = 0.0;
  EXPECT_GT(gate(row)[3], 0.7);
  row.own.nearest = 1.0;
  EXPECT_LT(gate(row)[3], 0.15);
  EXPECT_LT(gate(row)[2], 0.05);  // the shared memory never knows
}

TEST(Gate, LearnsEveryChoiceOfMemoriesFromRowsThatHaveBoth) {
  const MixtureGate gate = learn_gate(rows_with_memory(500, 3));
  GateInput row;
  row.has_personal = true;
  EXPECT_GT(gate(row)[1], 0.8);  // adapters are twice as good as the model, always
  row.has_own = true;
  row.own.nearest = 0.05;
  EXPECT_GT(gate(row)[3], 0.6);
}

/// The same rows as quantised own keys would have them: what is near says nothing any more.
std::vector<GateRow> quantised(std::vector<GateRow> rows) {
  for (GateRow& row : rows) {
    row.input.quantised_own = true;
    row.input.own.nearest = 1 - row.input.own.nearest;
  }
  return rows;
}

TEST(Gate, LearnsQuantisedKeysFromTheirRowsAndNothingElseFromThem) {
  std::vector<GateRow> rows = rows_with_memory(500, 6);
  const MixtureGate plain = learn_gate(rows);
  EXPECT_FALSE(plain.knows_quantised());
  const std::vector<GateRow> coded = quantised(rows);
  rows.insert(rows.end(), coded.begin(), coded.end());
  const MixtureGate both = learn_gate(rows);
  EXPECT_TRUE(both.knows_quantised());
  EXPECT_EQ(MixtureGate::without_quantised(both.weights()), plain.weights());
  EXPECT_LT(gate_nll(both, coded), gate_nll(plain, coded) - 0.2);
  // Rows that lack a memory leave its sets as those of exact keys.
  for (std::size_t i = 500; i < rows.size(); ++i) rows[i].input.has_shared = false;
  const MixtureGate alone = learn_gate(rows);
  EXPECT_NE(alone.weights()[4], alone.weights()[2]);
  EXPECT_EQ(alone.weights()[5], alone.weights()[3]);
}

TEST(Gate, IsTheSameEveryTime) {
  const auto rows = rows_with_memory(100, 4);
  EXPECT_EQ(learn_gate(rows), learn_gate(rows));
}

TEST(Gate, RefusesWhatCannotTeach) {
  const auto refused = [](const std::vector<GateRow>& rows, const std::string& says,
                          const GateOptions& options = {}) {
    test::expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)learn_gate(rows, options); }, says);
  };
  refused({}, "at least one row");
  auto rows = rows_with_memory(3, 5);
  rows[1].probability[2] = 1.5;
  refused(rows, "gate row 1");
  rows = rows_with_memory(3, 5);
  rows[2].input.own.mean = std::numeric_limits<double>::quiet_NaN();
  refused(rows, "gate row 2");
  refused(rows_with_memory(3, 5), "positive rate", {.steps = 0});
}

}  // namespace
}  // namespace pema::train
