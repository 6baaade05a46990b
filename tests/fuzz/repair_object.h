/// What the targets of stored objects share: a way past the checksums to the checks behind them,
/// and the rule of what a reader may throw.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "pema/digest.h"
#include "pema/error.h"

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

/// The same for kinds whose metadata ends with the SHA-256 of their sections (payload_digest),
/// which is recomputed too, where the prologue's lengths allow it.
[[nodiscard]] inline std::vector<std::byte> repaired_payload(std::span<const std::byte> data) {
  constexpr std::size_t kPrologue = 128;
  std::vector<std::byte> object = repaired(data);
  if (object.size() < kPrologue) return object;
  const auto padded = [](std::uint64_t size) { return (size + 63) / 64 * 64; };
  const auto number_at = [&](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, object.data() + at, sizeof value);
    return value;
  };
  const std::uint64_t meta = number_at(16);
  if (meta < 32 || meta > object.size() - kPrologue) return object;
  std::uint64_t at = kPrologue + padded(meta);
  Sha256 hash;
  for (std::size_t section = 0; section < 4; ++section) {
    const std::uint64_t size = number_at(40 + 8 * section);
    if (at > object.size() || size > object.size() - at) return object;
    hash.update(std::span(object).subspan(at, size));
    at += padded(size);
  }
  const Digest digest = hash.finish();
  std::memcpy(object.data() + kPrologue + meta - 32, digest.bytes.data(), 32);
  return repaired(object);
}

/// Stops the fuzzer when an invariant does not hold.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

/// Runs `read`; damage may be refused as kCorrupt or kUnsupported, and with nothing else.
template <typename Read>
void accept_or_refuse(const Read& read) {
  try {
    read();
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
  }
}

/// Gives the input to `read`, as it came and with its checksums repaired.
template <typename Read>
int read_object(const std::uint8_t* data, std::size_t size, const Read& read) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const std::vector<std::byte>& object :
       {std::vector<std::byte>(bytes.begin(), bytes.end()), repaired(bytes)}) {
    accept_or_refuse([&] { read(object); });
  }
  return 0;
}

/// Gives it with its payload's digest repaired as well.
template <typename Read>
int read_object_with_payload(const std::uint8_t* data, std::size_t size, const Read& read) {
  accept_or_refuse([&] { read(repaired_payload(std::as_bytes(std::span(data, size)))); });
  return read_object(data, size, read);
}

}  // namespace pema::fuzz
