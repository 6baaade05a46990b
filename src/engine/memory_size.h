/// Bytes that a segment takes while it is leased.
#pragma once

#include <cstdint>

#include "pema/store.h"

namespace pema::engine {

/// Of a segment's codes (kernels::KeyCodes): a byte for each dimension of an even number and three
/// floats a key, in blocks of 32 keys.
[[nodiscard]] inline std::int64_t segment_code_bytes(const SegmentInfo& info) noexcept {
  return (info.entries + 31) / 32 * 32 * (info.hidden + info.hidden % 2 + 12);
}

/// Of its object file and its codes, which are counted from the start though the first search makes
/// them: a lease may be searched at any time.
[[nodiscard]] inline std::int64_t segment_memory_bytes(const SegmentRecord& record) noexcept {
  return record.bytes + segment_code_bytes(record.info);
}

}  // namespace pema::engine
