/// The weight of the personal distribution as generation goes on: Gradual Unrolling (PEMA, arXiv
/// 2311.08590, section 3.4).
#pragma once

#include <cstdint>
#include <string_view>

namespace pema {

/// Stored in the registry: never renumber.
enum class LambdaCurve : std::uint8_t {
  kConstant = 0,  ///< lambda_max at every step
  kLinear = 1,    ///< lambda_max - t * lambda_max / n
  kSquared =
      2,  ///< lambda_max at t = 0, then (lambda_max - t * lambda_max / n)^2, as the authors' code
};

[[nodiscard]] std::string_view to_string(LambdaCurve curve) noexcept;
/// "constant", "linear" or "squared". Throws kInvalidArgument otherwise.
[[nodiscard]] LambdaCurve parse_lambda_curve(std::string_view text);

/// How the sources are weighed, unless the pool's gate does:
///   P = lambda_own P_own + lambda_shared P_shared + (1 - lambda_own - lambda_shared) [lambda
///   P_pema + (1 - lambda) P_lm]
/// All weights lie in [0, 1] and are kept in steps of 1/10000, so that a stored profile is exactly
/// the one in memory.
struct LambdaSchedule {
  LambdaCurve curve = LambdaCurve::kConstant;
  double lambda_max = 1.0;  ///< weight of the personal distribution; 0 switches it off
  std::int64_t length =
      0;  ///< n of the curve; 0 means "the source's length in tokens", passed per row
  double lambda_own =
      0.0;  ///< weight of recall from the profile's own segments; 0 switches recall from them off
  double lambda_shared = 0.0;    ///< weight of recall from shared segments; 0 switches it off
  std::int64_t neighbours = 32;  ///< k of the recall
  double temperature = 0.02;     ///< T of the recall, on squared L2 distance of normalised keys
  /// The pool's gate weighs each row (pema/gate.h), with its own k and T; of the rest only
  /// lambda_max = 0 then counts, which still switches the personal distribution off.
  bool gate = false;

  /// lambda at step t >= 0 for a row whose source has `source_length` tokens (>= 0; 0 is taken as
  /// 1). After the ramp the last value, (lambda_max / n) or its square, is held. Never depends on
  /// other rows. Throws kInvalidArgument on a negative step.
  [[nodiscard]] double at(std::int64_t step, std::int64_t source_length) const;

  /// Throws kInvalidArgument, naming the field, when a value is outside its range or not finite.
  void validate() const;
  /// The same schedule with its weights rounded to 1/10000 and its temperature to 1/1000000.
  [[nodiscard]] LambdaSchedule quantised() const;

  bool operator==(const LambdaSchedule&) const = default;
};

}  // namespace pema
