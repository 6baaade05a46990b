/// Numbers as SQLite stores them in cells and records ("Database File Format", 1.6).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pema::profiles::sqlite {

/// take_varint of more than one byte.
inline bool take_long_varint(std::span<const std::byte>& bytes, std::uint64_t& value) noexcept {
  constexpr std::size_t kMostVarint = 9;
  value = 0;
  const std::size_t most = std::min(bytes.size(), kMostVarint);
  for (std::size_t i = 0; i < most; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    const bool last = byte < 128 || i + 1 == kMostVarint;
    value = i + 1 == kMostVarint ? value << 8 | byte : value << 7 | (byte & 127);
    if (!last) continue;
    bytes = bytes.subspan(i + 1);
    return true;
  }
  return false;
}

/// Takes a number off the front of `bytes`; false at their end.
inline bool take_varint(std::span<const std::byte>& bytes, std::uint64_t& value) noexcept {
  if (bytes.empty() || std::to_integer<int>(bytes[0]) >= 128) return take_long_varint(bytes, value);
  value = std::to_integer<std::uint64_t>(bytes[0]);
  bytes = bytes.subspan(1);
  return true;
}

}  // namespace pema::profiles::sqlite
