#include "profiles/postgres/values.h"

#include <bit>

namespace pema::profiles::postgres {

void Parameter::set(std::int64_t value) {
  bytes.clear();
  put_big_endian(bytes, static_cast<std::uint64_t>(value), 8);
  type = TypeId::kInt8;
  null = false;
}

void Parameter::set(double value) {
  bytes.clear();
  put_big_endian(bytes, std::bit_cast<std::uint64_t>(value), 8);
  type = TypeId::kFloat8;
  null = false;
}

void Parameter::set(TypeId as, std::string_view raw) {
  bytes = raw;
  type = as;
  null = false;
}

void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

std::int64_t signed_big_endian(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return 0;
  // The first byte carries the sign into all above it.
  std::uint64_t value = (bytes[0] & std::byte{0x80}) != std::byte{0} ? ~std::uint64_t{0} : 0;
  for (const std::byte byte : bytes) value = (value << 8) | std::to_integer<std::uint64_t>(byte);
  return static_cast<std::int64_t>(value);
}

}  // namespace pema::profiles::postgres
