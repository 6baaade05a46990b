#include "pema/train/tune.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "tests/support/expect_error.h"

namespace pema::train {
namespace {

using test::expect_error;

/// Rows whose target is drawn from a mixture of four sources: source s gives it a high probability
/// when it was the one drawn, a low one otherwise.
TargetProbabilities planted(std::int64_t rows,
                            const std::function<std::array<double, 4>(std::int64_t step)>& weights,
                            std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<float> high(0.6F, 0.9F);
  std::uniform_real_distribution<float> low(0.0F, 0.02F);
  TargetProbabilities result;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t step = row % 20;
    const std::array<double, 4> w = weights(step);
    const int drawn = std::discrete_distribution<int>(w.begin(), w.end())(engine);
    int source = 0;
    for (std::vector<float>* column : {&result.lm, &result.pema, &result.own, &result.shared}) {
      column->push_back(source++ == drawn ? high(engine) : low(engine));
    }
    result.step.push_back(step);
    result.source_length.push_back(20);
  }
  return result;
}

TuneOptions no_prior() {
  TuneOptions options;
  options.prior_rows = 0;
  return options;
}

TEST(TuneSchedule, RecoversPlantedConstantWeights) {
  const TargetProbabilities rows = planted(
      8000,
      [](std::int64_t) {
        return std::array{0.2, 0.4, 0.3, 0.1};
      },
      1);
  const TuneResult result = tune_schedule(rows, {}, no_prior());
  EXPECT_EQ(result.schedule.curve, LambdaCurve::kConstant);
  EXPECT_NEAR(result.schedule.lambda_own, 0.3, 0.03);
  EXPECT_NEAR(result.schedule.lambda_shared, 0.1, 0.03);
  EXPECT_NEAR(result.schedule.lambda_max, 0.4 / 0.6, 0.03);
  EXPECT_EQ(result.schedule, result.schedule.quantised());
  EXPECT_DOUBLE_EQ(result.dev_nll, mixture_nll(rows, result.schedule));
  // No nearby schedule does better.
  for (const double by : {-0.05, 0.05}) {
    LambdaSchedule moved = result.schedule;
    moved.lambda_own += by;
    EXPECT_GT(mixture_nll(rows, moved), result.dev_nll);
    moved = result.schedule;
    moved.lambda_max += by;
    EXPECT_GT(mixture_nll(rows, moved), result.dev_nll);
  }
}

TEST(TuneSchedule, RecoversPlantedCurves) {
  for (const LambdaCurve curve : {LambdaCurve::kLinear, LambdaCurve::kSquared}) {
    SCOPED_TRACE(to_string(curve));
    LambdaSchedule truth;
    truth.curve = curve;
    truth.lambda_max = 0.9;
    const TargetProbabilities rows = planted(
        8000,
        [&](std::int64_t step) {
          const double lambda = truth.at(step, 20);
          return std::array{0.8 * (1 - lambda), 0.8 * lambda, 0.2, 0.0};
        },
        2);
    const TuneResult result = tune_schedule(rows, {}, no_prior());
    EXPECT_EQ(result.schedule.curve, curve);
    EXPECT_NEAR(result.schedule.lambda_max, 0.9, 0.05);
    EXPECT_NEAR(result.schedule.lambda_own, 0.2, 0.03);
    TuneOptions constant = no_prior();
    constant.curves.clear();
    const TuneResult flat = tune_schedule(rows, {}, constant);
    EXPECT_EQ(flat.schedule.curve, LambdaCurve::kConstant);
    EXPECT_LT(result.dev_nll, flat.dev_nll);
  }
}

TEST(TuneSchedule, ThePriorDecidesWhereRowsAreFew) {
  const TargetProbabilities rows = planted(
      6,
      [](std::int64_t) {
        return std::array{0.0, 0.0, 1.0, 0.0};
      },
      3);
  LambdaSchedule start;
  start.lambda_max = 0.5;
  start.lambda_own = 0.1;
  start.lambda_shared = 0.1;
  start.neighbours = 7;
  start.temperature = 0.5;
  TuneOptions options;
  options.curves.clear();
  options.prior_rows = 1e6;
  const LambdaSchedule pulled = tune_schedule(rows, start, options).schedule;
  EXPECT_NEAR(pulled.lambda_own, 0.1, 1e-3);
  EXPECT_NEAR(pulled.lambda_max, 0.5, 1e-3);
  EXPECT_EQ(pulled.neighbours, 7);
  EXPECT_EQ(pulled.temperature, 0.5);
  options.prior_rows = 6;  // as strong as the rows: about half way
  EXPECT_NEAR(tune_schedule(rows, start, options).schedule.lambda_own, 0.55, 0.02);
  EXPECT_GT(tune_schedule(rows, start, no_prior()).schedule.lambda_own, 0.95);
}

TEST(TuneSchedule, AbsentSourcesGetNoWeightAndWeightsNeverExceedOne) {
  for (int absent = 0; absent < 15; ++absent) {
    SCOPED_TRACE(absent);
    TargetProbabilities rows = planted(
        60,
        [](std::int64_t) {
          return std::array{0.1, 0.1, 0.4, 0.4};
        },
        static_cast<std::uint64_t>(absent));
    if ((absent & 1) != 0) rows.lm.clear();
    if ((absent & 2) != 0) rows.pema.clear();
    if ((absent & 4) != 0) rows.own.clear();
    if ((absent & 8) != 0) rows.shared.clear();
    LambdaSchedule start;
    start.lambda_own = 0.6;
    start.lambda_shared = 0.4;
    const LambdaSchedule tuned = tune_schedule(rows, start).schedule;
    EXPECT_NO_THROW(tuned.validate());
    EXPECT_LE(tuned.lambda_own + tuned.lambda_shared, 1.0);
    if ((absent & 1) != 0 && (absent & 2) == 0) {
      EXPECT_EQ(tuned.lambda_max, 1.0);
    }
    if ((absent & 2) != 0) {
      EXPECT_EQ(tuned.lambda_max, 0.0);
    }
    if ((absent & 4) != 0) {
      EXPECT_EQ(tuned.lambda_own, 0.0);
    }
    if ((absent & 8) != 0) {
      EXPECT_EQ(tuned.lambda_shared, 0.0);
    }
    if ((absent & 3) == 3) {
      EXPECT_NEAR(tuned.lambda_own + tuned.lambda_shared, 1.0, 1e-4);
    }
  }
}

TEST(TuneSchedule, RowsThatEverySourceThinksImpossibleCostALot) {
  TargetProbabilities rows;
  rows.lm = {0.0F, 0.5F};
  rows.pema = {0.0F, 0.25F};
  rows.step = {0, 1};
  rows.source_length = {4, 4};
  const TuneResult result = tune_schedule(rows, {});
  EXPECT_TRUE(std::isfinite(result.dev_nll));
  EXPECT_GT(result.dev_nll, 30.0);
}

TEST(TuneSchedule, RefusesRowsThatDisagree) {
  const TargetProbabilities good = planted(
      10,
      [](std::int64_t) {
        return std::array{0.25, 0.25, 0.25, 0.25};
      },
      5);
  const auto refused = [&](const std::string& words, auto change) {
    TargetProbabilities rows = good;
    change(rows);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)tune_schedule(rows, {}); }, words);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)mixture_nll(rows, {}); }, words);
  };
  refused("no rows", [](TargetProbabilities& r) { r = {}; });
  refused("own source has 9", [](TargetProbabilities& r) { r.own.pop_back(); });
  refused("source lengths", [](TargetProbabilities& r) { r.source_length.pop_back(); });
  refused("lm source gives 1.5 at row 3", [](TargetProbabilities& r) { r.lm[3] = 1.5F; });
  refused("pema source",
          [](TargetProbabilities& r) { r.pema[0] = std::numeric_limits<float>::quiet_NaN(); });
  refused("may be negative", [](TargetProbabilities& r) { r.step[2] = -1; });
  refused("every source is absent", [](TargetProbabilities& r) {
    r.lm.clear();
    r.pema.clear();
    r.own.clear();
    r.shared.clear();
  });
  TuneOptions options;
  options.prior_rows = -1;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)tune_schedule(good, {}, options); }, "prior_rows");
  LambdaSchedule start;
  start.lambda_own = 2;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)tune_schedule(good, start); }, "lambda_own");
}

}  // namespace
}  // namespace pema::train
