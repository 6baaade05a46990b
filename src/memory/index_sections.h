/// The sections of an index's file as bytes, whatever its codes (docs/formats/index.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "pema/error.h"
#include "src/core/object_file.h"

namespace pema::memory {

inline constexpr const char* kRebuildFix = "; remove the file, the index is built again";

template <typename T>
void append(std::vector<std::byte>& out, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// `count` values from the front of `bytes`, which are taken away; sizes were checked.
template <typename T>
[[nodiscard]] std::vector<T> take(std::span<const std::byte>& bytes, std::int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  const std::size_t size = values.size() * sizeof(T);
  if (size > 0) std::memcpy(values.data(), bytes.data(), size);
  bytes = bytes.subspan(size);
  return values;
}

/// Throws kCorrupt unless the sections have these sizes and this digest. There are as many.
inline void check_sections(const core::ObjectParts& parts, std::span<const std::int64_t> sizes,
                           const std::array<std::uint8_t, 32>& payload, const std::string& name) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    PEMA_CHECK(std::ssize(parts.sections[i]) == sizes[i], kCorrupt, name, ": section ", i, " has ",
               parts.sections[i].size(), " bytes instead of ", sizes[i], kRebuildFix);
  }
  PEMA_CHECK(core::payload_digest(parts.sections).bytes == payload, kCorrupt, name,
             ": its content is not what was written", kRebuildFix);
}

}  // namespace pema::memory
