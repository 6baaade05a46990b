/// Values on the wire, in PostgreSQL's binary form: big-endian int8 and float8, UTF-8, raw bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pema::profiles::postgres {

/// Types as pg_type numbers them; these never change.
enum class TypeId : std::uint32_t {
  kNone = 0,  ///< the server concludes it
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kFloat4 = 700,
  kFloat8 = 701,
  kVarchar = 1043,
};

/// A bound parameter; NULL until something is bound.
struct Parameter {
  TypeId type = TypeId::kNone;
  bool null = true;
  std::string bytes;

  void set(std::int64_t value);
  void set(double value);
  void set(TypeId as, std::string_view raw);
};

/// Appends an integer, most significant byte first.
void put_big_endian(std::string& out, std::uint64_t value, int bytes);

/// Reads a two's complement integer of 1, 2, 4 or 8 bytes.
[[nodiscard]] std::int64_t signed_big_endian(std::span<const std::byte> bytes) noexcept;

}  // namespace pema::profiles::postgres
