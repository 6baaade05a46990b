/// Numbers of segments by their objects: looked up for every segment of every row of a search.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "pema/memory.h"

namespace pema::memory {

/// Thread-safety: immutable once filled.
class SegmentTable {
 public:
  SegmentTable() = default;
  /// Room for `count` segments.
  explicit SegmentTable(std::size_t count) : slots_(std::bit_ceil(2 * count + 1)) {}

  /// The number under which `segment` is kept; `number` where it was not there.
  std::int32_t insert(const Segment* segment, std::int32_t number) {
    Slot& slot = slots_[find_slot(segment)];
    if (slot.segment == nullptr) slot = {segment, number};
    return slot.number;
  }
  /// -1 where it is not there.
  [[nodiscard]] std::int32_t find(const Segment* segment) const {
    return slots_.empty() ? -1 : slots_[find_slot(segment)].number;
  }

 private:
  struct Slot {
    const Segment* segment = nullptr;
    std::int32_t number = -1;
  };

  [[nodiscard]] std::size_t find_slot(const Segment* segment) const {
    const std::size_t last = slots_.size() - 1;
    std::size_t at = (std::bit_cast<std::uintptr_t>(segment) * 0x9E3779B97F4A7C15ULL >> 20) & last;
    while (slots_[at].segment != nullptr && slots_[at].segment != segment) at = (at + 1) & last;
    return at;
  }

  std::vector<Slot> slots_;
};

}  // namespace pema::memory
