/// Bytes that a segment takes while it is leased.
#pragma once

#include <cstdint>

#include "pema/store.h"

namespace pema::engine {

/// What Segment::search_bytes will be: of the codes of float32 and float16 keys (kernels::KeyCodes)
/// a byte for each dimension of an even number and three floats a key, in blocks of 32 keys; of
/// int8 keys, which are codes, the floats alone; nothing of product-quantised keys.
[[nodiscard]] inline std::int64_t segment_code_bytes(const SegmentInfo& info) noexcept {
  if (info.keys == KeyType::kProductQuantised) return 0;
  const std::int64_t code = info.keys == KeyType::kInt8 ? 0 : info.hidden + info.hidden % 2;
  return (info.entries + 31) / 32 * 32 * (code + 12);
}

/// Of its object file and its codes, which are counted from the start though the first search makes
/// them: a lease may be searched at any time.
[[nodiscard]] inline std::int64_t segment_memory_bytes(const SegmentRecord& record) noexcept {
  return record.bytes + segment_code_bytes(record.info);
}

}  // namespace pema::engine
