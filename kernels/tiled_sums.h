/// How sum_tiled_rows is put before the vector code: checked, and looked up once per call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/tiled_rows.h"

namespace pema::kernels {

/// One sum, ready to run. An entry is an offset in bytes: from the front of a tile, or from the
/// front of a buffer that holds the used rows of the tile, widened to float32.
struct PlannedSum {
  /// How it stands to the sum before it. Integers only: exact, whoever shares them.
  enum class Role : std::uint8_t {
    kAlone,
    kShared,     ///< of entries that the next two have in common: kept, not written
    kContinues,  ///< begins with the last kShared one
  };
  Role role = Role::kAlone;
  std::size_t entries = 0;
  std::vector<std::uint64_t> pairs;  ///< [entries / 2, rounded up]; see pack()
  std::vector<float> weights;        ///< [entries]; empty when all are equal
  float factor = 1;                  ///< at the end: the equal weight, times the step in int8
  float* out = nullptr;              ///< [cols]
};

/// Two entries in one word: additions from the first-level cache are limited by the loads, and so
/// only one in five is of an offset.
[[nodiscard]] constexpr std::uint64_t pack(std::uint32_t first, std::uint32_t second) {
  return first | std::uint64_t{second} << 32;
}
[[nodiscard]] constexpr std::uint32_t first_of(std::uint64_t pair) {
  return static_cast<std::uint32_t>(pair);
}
[[nodiscard]] constexpr std::uint32_t second_of(std::uint64_t pair) {
  return static_cast<std::uint32_t>(pair >> 32);
}

struct TiledPlan {
  std::vector<std::uint32_t> used;  ///< rows that any sum uses, rising: offsets of their pieces in
                                    ///< a tile, in bytes
  std::vector<PlannedSum> sums;
  std::int64_t buffer_bytes = 0;  ///< of the widened rows; 0 when sums read the tile
};

/// 127 times so many fit an int16.
inline constexpr std::size_t kInt16Entries = 256;
/// Bytes of a row's widened piece: 32 float32.
inline constexpr std::int64_t kWidenedBytes = 128;

/// Tiles [first, last) of all sums. `buffer` is scratch of plan.buffer_bytes, aligned to 64.
/// Unchecked. Thread-safety: reentrant, serial.
void sum_tiles(const TiledRows& matrix, const TiledPlan& plan, std::int64_t first,
               std::int64_t last, std::byte* buffer);

}  // namespace pema::kernels
