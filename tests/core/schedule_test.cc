#include "pema/schedule.h"

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;

LambdaSchedule make(LambdaCurve curve, double lambda_max, std::int64_t length = 0) {
  LambdaSchedule schedule;
  schedule.curve = curve;
  schedule.lambda_max = lambda_max;
  schedule.length = length;
  return schedule;
}

// The table of shared/reference/papers.md 1.5: lambda_max 0.9, n 10, from the authors' code.
TEST(LambdaSchedule, SquaredIsGradualUnrolling) {
  const double expected[] = {.900, .656, .518, .397, .292, .203, .130, .073, .032, .008};
  const LambdaSchedule schedule = make(LambdaCurve::kSquared, 0.9);
  for (std::int64_t t = 0; t < 10; ++t) {
    EXPECT_NEAR(schedule.at(t, 10), expected[t], 5.01e-4) << t;
  }
  EXPECT_NEAR(schedule.at(1, 10), 0.81 * 0.81, 1e-12);
}

TEST(LambdaSchedule, LinearIsTheSameRampWithoutTheSquare) {
  const LambdaSchedule schedule = make(LambdaCurve::kLinear, 0.9);
  for (std::int64_t t = 0; t < 10; ++t) {
    EXPECT_NEAR(schedule.at(t, 10), 0.9 - 0.09 * static_cast<double>(t), 1e-12) << t;
  }
}

TEST(LambdaSchedule, HoldsItsLastValueAfterTheRamp) {
  for (const std::int64_t t : {std::int64_t{9}, std::int64_t{10}, std::int64_t{1000}, INT64_MAX}) {
    EXPECT_NEAR(make(LambdaCurve::kLinear, 0.9).at(t, 10), 0.09, 1e-12);
    EXPECT_NEAR(make(LambdaCurve::kSquared, 0.9).at(t, 10), 0.0081, 1e-12);
  }
}

TEST(LambdaSchedule, ConstantNeverChanges) {
  const LambdaSchedule schedule = make(LambdaCurve::kConstant, 0.37);
  for (const std::int64_t t : {0, 1, 99}) EXPECT_EQ(schedule.at(t, 3), 0.37);
}

TEST(LambdaSchedule, OwnLengthGoesBeforeTheSourcesLength) {
  const LambdaSchedule schedule = make(LambdaCurve::kLinear, 0.8, 4);
  EXPECT_NEAR(schedule.at(1, 1000), 0.6, 1e-12);
  EXPECT_NEAR(make(LambdaCurve::kLinear, 0.8).at(1, 1000), 0.7992, 1e-12);
}

TEST(LambdaSchedule, EmptySourceCountsAsOneToken) {
  const LambdaSchedule schedule = make(LambdaCurve::kLinear, 0.8);
  EXPECT_EQ(schedule.at(0, 0), 0.8);
  EXPECT_EQ(schedule.at(5, 0), schedule.at(5, 1));
}

TEST(LambdaSchedule, RefusesANegativeStep) {
  expect_error(ErrorCode::kInvalidArgument,
               [] { (void)make(LambdaCurve::kLinear, 0.9).at(-1, 10); });
}

TEST(LambdaSchedule, ValidateNamesTheField) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](const std::string& field, auto change) {
    LambdaSchedule schedule;
    change(schedule);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { schedule.validate(); }, field);
  };
  for (const double bad : {-0.1, 1.1, nan, std::numeric_limits<double>::infinity()}) {
    refused("lambda_max", [&](LambdaSchedule& s) { s.lambda_max = bad; });
    refused("lambda_own", [&](LambdaSchedule& s) { s.lambda_own = bad; });
    refused("lambda_shared", [&](LambdaSchedule& s) { s.lambda_shared = bad; });
  }
  refused("lambda_own + lambda_shared",
          [](LambdaSchedule& s) { s.lambda_own = s.lambda_shared = 0.6; });
  for (const double bad : {0.0, -1.0, nan, 1001.0}) {
    refused("temperature", [&](LambdaSchedule& s) { s.temperature = bad; });
  }
  for (const std::int64_t bad : {0, -1, 4097}) {
    refused("neighbours", [&](LambdaSchedule& s) { s.neighbours = bad; });
  }
  for (const std::int64_t bad : {-1, 1'000'001}) {
    refused("length", [&](LambdaSchedule& s) { s.length = bad; });
  }
  refused("curve", [](LambdaSchedule& s) { s.curve = static_cast<LambdaCurve>(3); });
  LambdaSchedule{}.validate();
}

TEST(LambdaSchedule, QuantisingIsStableAndKeepsTheSumValid) {
  LambdaSchedule schedule = make(LambdaCurve::kSquared, 0.123456789);
  schedule.lambda_own = 0.33335;
  schedule.lambda_shared = 0.66665;
  schedule.temperature = 0.0200004;
  const LambdaSchedule stored = schedule.quantised();
  EXPECT_EQ(stored.lambda_max, 0.1235);
  EXPECT_EQ(stored.temperature, 0.02);
  EXPECT_EQ(stored, stored.quantised());
  stored.validate();
}

TEST(LambdaCurve, NamesAndParsesItself) {
  for (const LambdaCurve curve :
       {LambdaCurve::kConstant, LambdaCurve::kLinear, LambdaCurve::kSquared}) {
    EXPECT_EQ(parse_lambda_curve(to_string(curve)), curve);
  }
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_lambda_curve("cubic"); }, "squared");
}

}  // namespace
}  // namespace pema
