// What the planner chooses at extreme costs, what may and may not move it, and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pema/planner.h"
#include "src/engine/plan.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class PlannerChoice : public testing::Test {
 protected:
  Lease lease(Algebra algebra = Algebra::kMixture, Form form = Form::kResidual) {
    std::mt19937 random(8);
    PoolInfo info;
    info.algebra = algebra;
    info.form = form;
    return make_lease("p", random_pool(model, info), random_mask(random, algebra, false));
  }
  Strategy chosen(const Lease& of, const EngineOptions& options) {
    return engine::choose_strategy(model.info, options, of);
  }
  static EngineOptions long_life() { return {.threads = 1, .expected_rows = 1'000'000}; }

  TinyModel model;
};

TEST_F(PlannerChoice, WhereTheHeadIsFreeNobodyProjects) {
  EngineOptions options = long_life();
  options.costs.head_read = options.costs.head_add = 0;
  EXPECT_EQ(chosen(lease(), options), Strategy::kFactored);
}

TEST_F(PlannerChoice, WhereTheProjectionIsFreeEverybodyProjects) {
  EngineOptions options = long_life();
  options.costs.float32_read = options.costs.float32_add = 0;
  EXPECT_EQ(chosen(lease(), options), Strategy::kProjected);
  options.costs.float32_add = 1e-3;
  EXPECT_EQ(chosen(lease(), options), Strategy::kFactored);
  options.projection = NumberType::kInt8;  // whose costs are ordinary
  EXPECT_EQ(chosen(lease(), options), Strategy::kProjected);
}

TEST_F(PlannerChoice, TheMakingOfUCountsOnceAndNotAtAllWhereItIsMade) {
  EngineOptions options{.threads = 1, .expected_rows = 1};
  options.costs.head_add = 1e-6;   // making is dear
  options.costs.head_read = 1e-5;  // and so is every step through the head
  EXPECT_EQ(chosen(lease(), options), Strategy::kFactored);
  options.expected_rows = 1000;
  EXPECT_EQ(chosen(lease(), options), Strategy::kProjected);
  options.expected_rows = 1;
  options.made_projections = {lease().pool->digest()};
  EXPECT_EQ(chosen(lease(), options), Strategy::kProjected);
  options.made_projections = {sha256("another pool")};
  EXPECT_EQ(chosen(lease(), options), Strategy::kFactored);
}

TEST_F(PlannerChoice, RowsThatShareAStepShareTheHead) {
  EngineOptions options = long_life();
  options.costs.head_read = 1e-8;  // a step reads the head once, whatever its rows
  options.costs.delta_add = options.costs.pool_read = 0;
  EXPECT_EQ(chosen(lease(), options), Strategy::kProjected);
  options.expected_rows_per_step = options.expected_masks_per_step = 4096;
  EXPECT_EQ(chosen(lease(), options), Strategy::kFactored);
}

TEST_F(PlannerChoice, ASeparatePairOfMasksIsComposedWhereSummingIsCheap) {
  EngineOptions options = long_life();
  options.costs.compose_sum = 0;
  EXPECT_EQ(chosen(lease(Algebra::kSeparate), options), Strategy::kComposed);
  options.expected_rows = 1;
  options.costs.compose_sum = 1e-3;
  EXPECT_EQ(chosen(lease(Algebra::kSeparate), options), Strategy::kFactored);
  options.expected_rows = 1'000'000;
  options.costs.gate_add = 1e-6;
  EXPECT_EQ(chosen(lease(Algebra::kSeparate), options), Strategy::kComposed);
  options.cache_bytes = 0;  // composed again at every step
  EXPECT_EQ(chosen(lease(Algebra::kSeparate), options), Strategy::kFactored);
}

TEST_F(PlannerChoice, TheDistributionFormProjectsWhereItsNormIsCheap) {
  EngineOptions options = long_life();
  options.costs.float32_read = options.costs.float32_add = 0;
  EXPECT_EQ(chosen(lease(Algebra::kMixture, Form::kDistribution), options), Strategy::kProjected);
  options.neglected_mass = 0.01;  // has nothing to neglect there
  EXPECT_EQ(chosen(lease(Algebra::kMixture, Form::kDistribution), options), Strategy::kProjected);
  EXPECT_EQ(chosen(lease(), options), Strategy::kFactored);
}

TEST_F(PlannerChoice, OneGroupIsComposedOnlyWhereThatPays) {
  EngineOptions options{.threads = 1, .expected_rows = 1};
  const Lease of = lease();
  const auto group = [&](bool held) {
    return engine::same_bits_strategy(model.info, options, of, 4, held);
  };
  options.costs.composed_read = 0;
  options.costs.pool_read = 1e-8;
  options.costs.compose_copy = 1e-6;
  EXPECT_EQ(group(false), Strategy::kFactored);
  EXPECT_EQ(group(true), Strategy::kComposed);
  options.expected_rows = 1'000'000;
  EXPECT_EQ(group(false), Strategy::kComposed);
  options.cache_bytes = 100;  // would not be kept
  EXPECT_EQ(group(false), Strategy::kFactored);
}

TEST_F(PlannerChoice, ExplainSaysWhatTheEngineDoes) {
  for (const Algebra algebra : {Algebra::kMixture, Algebra::kSeparate}) {
    for (const Form form : {Form::kResidual, Form::kDistribution}) {
      for (const std::int64_t rows : {0, 10, 1'000'000}) {
        for (const Strategy strategy :
             {Strategy::kAuto, Strategy::kComposed, Strategy::kFactored, Strategy::kProjected}) {
          if (strategy == Strategy::kProjected && algebra == Algebra::kSeparate) continue;
          const Lease of = lease(algebra, form);
          const EngineOptions options{.strategy = strategy, .threads = 1, .expected_rows = rows};
          const Explanation found = explain(model.info, options, of);
          ASSERT_EQ(found.plans.size(), 6U);  // factored, composed, projected in four types
          const Strategy said = found.plans[found.chosen].strategy;
          const Strategy done = chosen(of, options);
          const bool same_bits = algebra == Algebra::kMixture && strategy == Strategy::kAuto &&
                                 said == Strategy::kComposed && done == Strategy::kFactored;
          EXPECT_TRUE(said == done || same_bits) << to_string(said) << ", " << to_string(done);
          EXPECT_FALSE(found.why.empty());
          for (const StrategyPlan& plan : found.plans) {
            EXPECT_NEAR(plan.life, plan.once + static_cast<double>(found.steps) * plan.step.total(),
                        1e-9 * plan.life);
          }
        }
      }
    }
  }
}

TEST_F(PlannerChoice, TheCrossingThatExplainNamesIsTheOneThatTheEngineTakes) {
  EngineOptions options{.threads = 1, .expected_rows = 1};
  options.costs.head_read = 1e-9;
  const Explanation found = explain(model.info, options, lease());
  ASSERT_EQ(found.plans[found.chosen].strategy, Strategy::kFactored);
  ASSERT_FALSE(found.changes.empty());
  std::int64_t rows = 0;
  for (const std::string& change : found.changes) {
    const std::string start = "projected in float32 pays from ";
    if (change.starts_with(start)) rows = std::stoll(change.substr(start.size()));
  }
  ASSERT_GT(rows, 1);
  options.expected_rows = rows - 1;
  EXPECT_EQ(chosen(lease(), options), Strategy::kFactored);
  options.expected_rows = rows;
  EXPECT_EQ(chosen(lease(), options), Strategy::kProjected);
}

TEST_F(PlannerChoice, ExplainNamesWhatIsRuledOut) {
  EngineOptions options = long_life();
  options.cache_bytes = 1000;
  const Explanation found = explain(model.info, options, lease());
  EXPECT_THAT(found.changes, testing::Contains(HasSubstr("does not fit the cache")));
  EXPECT_EQ(found.plans[2].refused, "the projection does not fit the cache");
}

TEST_F(PlannerChoice, RefusesWhatCannotBePlanned) {
  Lease silent = lease();
  silent.schedule.lambda_max = 0;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)explain(model.info, {}, silent); }, "lambda 0");
  for (const EngineOptions& options :
       {EngineOptions{.expected_rows = -1}, EngineOptions{.expected_rows_per_step = 0},
        EngineOptions{.expected_masks_per_step = 0}}) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)explain(model.info, options, lease()); }, "must");
  }
  EngineOptions broken;
  broken.costs.head_add = -1;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { Engine engine(model.info, model.head, broken); },
      "head_add");
}

TEST_F(PlannerChoice, AStepSaysWhatItsPartsTook) {
  const Lease of = lease();
  const TinyBatch batch(model, {&of, &of});
  Engine engine(model.info, model.head, {.threads = 1});
  EXPECT_EQ(engine.step_seconds().total(), 0.0);
  (void)run_step(engine, batch.view());
  EXPECT_GT(engine.step_seconds().project, 0.0);
  EXPECT_GT(engine.step_seconds().interpolate, 0.0);
  const double before = engine.step_seconds().total();
  const std::vector<std::int64_t> words = {1, 2};
  (void)engine.target_log_probabilities(batch.view(), words);
  EXPECT_EQ(engine.step_seconds().total(), before) << "not a step";
}

/// Asks to stop after so many reports.
class Impatient : public Progress {
 public:
  explicit Impatient(int patience) : patience_(patience) {}
  void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override {
    --patience_;
  }
  [[nodiscard]] bool stop_requested() const override { return patience_ <= 0; }

 private:
  int patience_;
};

TEST(MeasureCosts, GivesCostsThatCanBePlannedWith) {
  const TinyModel model(1, 40, 301);
  for (const std::int64_t threads : {1, 2}) {
    const MachineCosts costs =
        measure_costs(model.info, model.head, {.threads = threads, .adapters = 64, .rounds = 2});
    check_costs(costs);
    EXPECT_GT(costs.head_read + costs.head_add, 0.0);
    EXPECT_GT(costs.float32_read + costs.float32_add, 0.0);
    EXPECT_GT(costs.int8_read + costs.int8_add, 0.0);
    EXPECT_GT(costs.interpolate_word, 0.0);
    for (const CostField& field : cost_fields()) {
      EXPECT_NE(costs.*field.value, MachineCosts{}.*field.value)
          << field.name << " was not measured";
    }
  }
}

TEST(MeasureCosts, StopsWhenAsked) {
  const TinyModel model;
  for (const int patience : {1, 2, 30}) {
    Impatient progress(patience);
    expect_error(
        ErrorCode::kInterrupted,
        [&] {
          (void)measure_costs(model.info, model.head,
                              {.threads = 1, .adapters = 64, .progress = &progress});
        },
        "interrupted");
  }
}

TEST(MeasureCosts, RefusesSizesThatSayNothing) {
  const TinyModel model;
  for (const MeasureOptions& options :
       {MeasureOptions{.adapters = 63}, MeasureOptions{.adapters = 64, .rounds = 0}}) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)measure_costs(model.info, model.head, options); },
        "at least");
  }
}

}  // namespace
}  // namespace pema::test
