/// NaN and infinity are refused where vectors enter the library.
#pragma once

#include <limits>
#include <span>

namespace pema::core {

/// True when no value is NaN or infinite. Reads everything, without branches, so that it runs at
/// memory speed.
[[nodiscard]] inline bool all_finite(std::span<const float> values) noexcept {
  bool finite = true;
  for (const float value : values) {
    const float magnitude = value < 0.0F ? -value : value;
    finite &= magnitude <= std::numeric_limits<float>::max();
  }
  return finite;
}

}  // namespace pema::core
