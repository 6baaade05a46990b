/// The rows with which an index is measured when it is built, whatever its codes.
#pragma once

#include <cstdint>
#include <random>

namespace pema::memory {

inline constexpr std::int64_t kMeasuredRows = 64;
inline constexpr std::int64_t kMeasuredNearest = 32;

/// Whether a row of a measurement sees a segment: by chance, but always the same.
[[nodiscard]] inline bool sees(std::int64_t row, std::int64_t segment, double share) {
  std::mt19937 random(static_cast<unsigned>(row * 1'000'003 + segment));
  return static_cast<double>(random()) < share * 4294967296.0;
}

}  // namespace pema::memory
