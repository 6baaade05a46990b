/// Lets a fuzzer past the checksums of an object, to the checks behind them.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace pema::fuzz {

/// A copy of `data` with meta_crc and prologue_crc (docs/formats/object.md) recomputed where the
/// prologue is complete, and file_bytes set to the real length.
[[nodiscard]] inline std::vector<std::byte> repaired(std::span<const std::byte> data) {
  constexpr std::size_t kPrologue = 128;
  std::vector<std::byte> object(data.begin(), data.end());
  if (object.size() < kPrologue) return object;
  const auto crc_of = [&](std::size_t offset, std::size_t size) {
    return static_cast<std::uint32_t>(
        ::crc32_z(0, reinterpret_cast<const Bytef*>(object.data() + offset), size));
  };
  std::uint64_t meta_bytes = 0;
  std::memcpy(&meta_bytes, object.data() + 16, sizeof meta_bytes);
  if (meta_bytes <= object.size() - kPrologue) {
    const std::uint32_t meta_crc = crc_of(kPrologue, static_cast<std::size_t>(meta_bytes));
    std::memcpy(object.data() + 28, &meta_crc, sizeof meta_crc);
  }
  const std::uint64_t file_bytes = object.size();
  std::memcpy(object.data() + 32, &file_bytes, sizeof file_bytes);
  const std::uint32_t prologue_crc = crc_of(0, 72);
  std::memcpy(object.data() + 72, &prologue_crc, sizeof prologue_crc);
  return object;
}

/// Stops the fuzzer when an invariant does not hold.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace pema::fuzz
