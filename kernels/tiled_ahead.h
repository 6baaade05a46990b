/// Reads of a later tile, spread over the work on an earlier one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/tiled_sums.h"

namespace pema::kernels {

inline constexpr std::int64_t kCacheLine = 64;

/// Asks for the used pieces of a later tile, a few at each step of the work on this one: all at
/// once would fill the queue of outstanding reads and stop the work. Into the second-level cache;
/// the first holds this tile.
class Ahead {
 public:
  /// `tile` may be null: nothing is asked for.
  Ahead(const TiledPlan& plan, const std::byte* tile, std::int64_t lines, std::uint64_t rate)
      : next_(plan.used.data()),
        end_(tile == nullptr ? next_ : next_ + plan.used.size()),
        tile_(tile),
        lines_(lines),
        rate_(rate) {}

  void step() {
    for (owed_ += rate_; owed_ >= kOne && next_ != end_; owed_ -= kOne) ask();
  }
  void ask() {
    if (next_ == end_) return;
    for (std::int64_t line = 0; line < lines_; ++line) {
      __builtin_prefetch(tile_ + *next_ + line * kCacheLine, 0, 2);
    }
    ++next_;
  }
  void finish() {
    while (next_ != end_) ask();
  }
  /// For step(): `pieces` pieces over `steps` steps.
  static std::uint64_t rate(std::size_t pieces, std::size_t steps) {
    return (pieces * kOne + steps) / std::max<std::size_t>(steps, 1);
  }

 private:
  static constexpr std::uint64_t kOne = 1 << 16;
  const std::uint32_t* next_;
  const std::uint32_t* end_;
  const std::byte* tile_;
  std::int64_t lines_;
  std::uint64_t rate_;
  std::uint64_t owed_ = 0;
};

}  // namespace pema::kernels
