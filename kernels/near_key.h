/// A key that a search found, and the order of such keys.
#pragma once

#include <cstdint>

namespace pema::kernels {

struct NearKey {
  float distance = 0;      ///< squared_distance to the query, or product_distances
  std::int32_t place = 0;  ///< which of the query's sets, in the query's order
  std::int64_t row = 0;    ///< of the set's keys
  bool operator==(const NearKey&) const = default;
};

/// Of equal distances the lower (place, row) first.
[[nodiscard]] inline bool nearer(const NearKey& a, const NearKey& b) noexcept {
  if (a.distance != b.distance) return a.distance < b.distance;
  return a.place != b.place ? a.place < b.place : a.row < b.row;
}

}  // namespace pema::kernels
