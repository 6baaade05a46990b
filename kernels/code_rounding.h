/// What int8 codes of keys share: their range and bounds that hold after rounding.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace pema::kernels {

inline constexpr float kLargestCode = 127;  ///< codes lie in [-127, 127]

/// The least float that is not below `value`.
[[nodiscard]] inline float float_at_least(double value) noexcept {
  const auto rounded = static_cast<float>(value);
  return static_cast<double>(rounded) >= value
             ? rounded
             : std::nextafter(rounded, std::numeric_limits<float>::infinity());
}

[[nodiscard]] inline float largest_magnitude(std::span<const float> values) noexcept {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace pema::kernels
