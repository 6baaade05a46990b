/// float32 to the two 16-bit types and back, in plain code that gives the same bits everywhere.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "pema/number_type.h"

namespace pema::kernels {

/// The largest finite float16.
inline constexpr float kLargestFloat16 = 65504.0F;

/// To the nearest float16, ties to even; from 65,520 on infinity. `value` must not be NaN.
[[nodiscard]] inline std::uint16_t to_float16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  std::uint32_t half = 0;
  if (magnitude < 0x38800000U) {
    // Below 2^-14 a float16 counts steps of 2^-24, and so does a float32 between 0.5 and 1.
    const float counted = std::bit_cast<float>(magnitude) + 0.5F;
    half = std::bit_cast<std::uint32_t>(counted) - std::bit_cast<std::uint32_t>(0.5F);
  } else if (magnitude < 0x47800000U) {
    half = ((magnitude + 0xfffU + ((magnitude >> 13) & 1U)) >> 13) - (112U << 10);
  } else {
    half = 0x7c00U;
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// To the nearest bfloat16, ties to even. `value` must not be NaN.
[[nodiscard]] inline std::uint16_t to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

/// Exact.
[[nodiscard]] inline float from_float16(std::uint16_t half) noexcept {
  const float sign = (half & 0x8000U) != 0 ? -1.0F : 1.0F;
  const int exponent = (half >> 10) & 0x1f;
  const auto fraction = static_cast<float>(half & 0x3ffU);
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent == 0x1f) {
    return fraction == 0.0F ? sign * std::numeric_limits<float>::infinity()
                            : std::numeric_limits<float>::quiet_NaN();
  }
  return sign * std::ldexp(fraction + 1024.0F, exponent - 25);
}

/// Exact.
[[nodiscard]] inline float from_bfloat16(std::uint16_t half) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

/// `type` must be kFloat16 or kBFloat16.
[[nodiscard]] inline std::uint16_t to_half(float value, NumberType type) noexcept {
  return type == NumberType::kFloat16 ? to_float16(value) : to_bfloat16(value);
}
[[nodiscard]] inline float from_half(std::uint16_t half, NumberType type) noexcept {
  return type == NumberType::kFloat16 ? from_float16(half) : from_bfloat16(half);
}

/// True when `value` rounds to a finite number of `type`, any type but kInt8.
[[nodiscard]] inline bool fits(float value, NumberType type) noexcept {
  switch (type) {
    case NumberType::kFloat16:
      return std::abs(value) < kLargestFloat16 + 16;
    case NumberType::kBFloat16:
      return std::isfinite(value) && std::isfinite(from_bfloat16(to_bfloat16(value)));
    case NumberType::kFloat32:
    case NumberType::kInt8:
      break;
  }
  return std::isfinite(value);
}

}  // namespace pema::kernels
