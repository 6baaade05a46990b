#include "pema/schedule.h"

#include <algorithm>
#include <cmath>

#include "pema/error.h"

namespace pema {
namespace {

void check_weight(double value, const char* field) {
  PEMA_CHECK(std::isfinite(value) && value >= 0.0 && value <= 1.0, kInvalidArgument, field, " is ",
             value, "; it must lie in [0, 1]");
}

double round_to(double value, double steps) { return std::round(value * steps) / steps; }

}  // namespace

std::string_view to_string(LambdaCurve curve) noexcept {
  switch (curve) {
    case LambdaCurve::kConstant:
      return "constant";
    case LambdaCurve::kLinear:
      return "linear";
    case LambdaCurve::kSquared:
      return "squared";
  }
  return "unknown";
}

LambdaCurve parse_lambda_curve(std::string_view text) {
  for (const LambdaCurve curve :
       {LambdaCurve::kConstant, LambdaCurve::kLinear, LambdaCurve::kSquared}) {
    if (text == to_string(curve)) return curve;
  }
  fail(ErrorCode::kInvalidArgument, "'", text,
       "' is no lambda schedule; use constant, linear or squared");
}

double LambdaSchedule::at(std::int64_t step, std::int64_t source_length) const {
  PEMA_CHECK(step >= 0, kInvalidArgument, "step ", step, " is negative");
  if (curve == LambdaCurve::kConstant || step == 0) return lambda_max;
  const std::int64_t n = std::max<std::int64_t>(1, length > 0 ? length : source_length);
  // The ramp ends one decrement above zero and its last value is held (papers.md 1.5).
  const double decrement = lambda_max / static_cast<double>(n);
  const double current = lambda_max - static_cast<double>(std::min(step, n - 1)) * decrement;
  return curve == LambdaCurve::kSquared ? current * current : current;
}

void LambdaSchedule::validate() const {
  PEMA_CHECK(static_cast<int>(curve) <= 2, kInvalidArgument, "lambda curve ",
             static_cast<int>(curve), " is unknown");
  check_weight(lambda_max, "lambda_max");
  check_weight(lambda_own, "lambda_own");
  check_weight(lambda_shared, "lambda_shared");
  PEMA_CHECK(lambda_own + lambda_shared <= 1.0 + 1e-9, kInvalidArgument,
             "lambda_own + lambda_shared is ", lambda_own + lambda_shared,
             "; together they must not exceed 1");
  PEMA_CHECK(length >= 0 && length <= 1'000'000, kInvalidArgument, "length is ", length,
             "; it must lie in [0, 1000000]");
  PEMA_CHECK(neighbours >= 1 && neighbours <= 4096, kInvalidArgument, "neighbours is ", neighbours,
             "; it must lie in [1, 4096]");
  PEMA_CHECK(std::isfinite(temperature) && temperature >= 1e-6 && temperature <= 1000.0,
             kInvalidArgument, "temperature is ", temperature, "; it must lie in [1e-6, 1000]");
}

LambdaSchedule LambdaSchedule::quantised() const {
  LambdaSchedule copy = *this;
  copy.lambda_max = round_to(lambda_max, 1e4);
  copy.lambda_own = round_to(lambda_own, 1e4);
  copy.lambda_shared = std::min(round_to(lambda_shared, 1e4), round_to(1.0 - copy.lambda_own, 1e4));
  copy.temperature = round_to(temperature, 1e6);
  return copy;
}

}  // namespace pema
