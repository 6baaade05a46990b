/// The length of a vector, for keys and queries of the recall.
#pragma once

#include <cmath>
#include <span>

#include "pema/memory.h"

namespace pema::memory {

/// L2 norm of `vector` [d], summed in double; NaN or infinite when a value is.
[[nodiscard]] inline double norm(std::span<const float> vector) noexcept {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

/// True when `vector` [d] is finite and has length 1 within `tolerance`.
[[nodiscard]] inline bool is_unit(std::span<const float> vector,
                                  double tolerance = Segment::kUnitTolerance) noexcept {
  return std::abs(norm(vector) - 1.0) <= tolerance;
}

}  // namespace pema::memory
