/// A segment as an object file: its metadata and sections, for every type of keys
/// (docs/formats/object.md, sections 4 and 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pema/memory.h"

namespace pema::memory {

/// Views into an object's bytes; lengths are checked, values are not.
struct SegmentParts {
  SegmentInfo info;
  std::span<const std::byte> keys;
  std::span<const float> scales;  ///< [n] of int8 keys, else empty
  std::span<const std::int32_t> tokens;
};

/// True when sizes and enumerators lie within the limits of every segment.
[[nodiscard]] bool in_range(const SegmentInfo& info) noexcept;

/// Bytes of the keys' section. Throws kCorrupt, naming `name`, when no file can have so many.
[[nodiscard]] std::int64_t key_section_bytes(const SegmentInfo& info, const std::string& name);

/// Splits an object and checks metadata and lengths. Throws kCorrupt or kUnsupported.
[[nodiscard]] SegmentParts parse_segment(std::span<const std::byte> bytes, const std::string& name);

/// The object file of a segment. `scales` is empty unless keys are in int8.
[[nodiscard]] std::vector<std::byte> build_segment(const SegmentInfo& info,
                                                   std::span<const std::byte> keys,
                                                   std::span<const float> scales,
                                                   std::span<const std::int32_t> tokens);

}  // namespace pema::memory
