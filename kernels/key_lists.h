/// Keys of many segments in lists around centroids, whatever codes they have.
#pragma once

#include <cstdint>
#include <span>

namespace pema::kernels {

/// Views of an index's arrays; whoever made them keeps them alive. Lists are whole blocks of keys;
/// a place is a key of a block, counted over all blocks.
struct KeyLists {
  std::int64_t cols = 0;
  std::span<const float> centroids;          ///< [lists, d]
  std::span<const std::int64_t> list_start;  ///< [lists + 1], in blocks
  std::span<const std::int32_t> segment;     ///< [places], -1 where there is no key
  std::span<const std::int32_t> row;         ///< [places]

  [[nodiscard]] std::int64_t lists() const noexcept { return std::ssize(list_start) - 1; }
  [[nodiscard]] std::int64_t blocks() const noexcept { return list_start.back(); }
  [[nodiscard]] const float* centroid(std::int64_t list) const noexcept {
    return centroids.data() + list * cols;
  }
};

}  // namespace pema::kernels
