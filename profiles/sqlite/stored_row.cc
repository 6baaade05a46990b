#include "profiles/sqlite/stored_row.h"

#include <iterator>

#include "profiles/sqlite/varint.h"

namespace pema::profiles::sqlite {
namespace {

using Bytes = std::span<const std::byte>;

/// Bytes of a value by its type; false for one that no row has.
bool size_of_value(std::uint64_t type, std::uint64_t& bytes) noexcept {
  static constexpr std::uint8_t kBytes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  if (type < std::size(kBytes)) {
    bytes = kBytes[type];
    return true;
  }
  bytes = (type - 12) / 2;
  return type >= 12;
}

}  // namespace

bool StoredRow::parse(Bytes record) noexcept {
  count_ = 0;
  Bytes head = record;
  std::uint64_t head_bytes = 0;
  if (!take_varint(head, head_bytes)) return false;
  const std::size_t taken = record.size() - head.size();
  if (head_bytes < taken || head_bytes > record.size()) return false;
  head = head.first(static_cast<std::size_t>(head_bytes) - taken);
  Bytes body = record.subspan(static_cast<std::size_t>(head_bytes));
  while (!head.empty()) {
    Value value;
    std::uint64_t bytes = 0;
    if (count_ == kMostColumns || !take_varint(head, value.type) ||
        !size_of_value(value.type, bytes) || bytes > body.size()) {
      return false;
    }
    value.bytes = body.first(static_cast<std::size_t>(bytes));
    body = body.subspan(value.bytes.size());
    values_[count_++] = value;
  }
  return true;
}

bool StoredRow::null(std::size_t column) const noexcept {
  return column < count_ && values_[column].type == 0;
}

bool StoredRow::integer(std::size_t column, std::int64_t& value) const noexcept {
  if (column >= count_) return false;
  const auto& [type, bytes] = values_[column];
  if (type == 8 || type == 9) {
    value = static_cast<std::int64_t>(type - 8);
    return true;
  }
  if (type < 1 || type > 6) return false;
  std::uint64_t bits = std::to_integer<int>(bytes[0]) >= 128 ? ~std::uint64_t{0} : 0;
  for (const std::byte byte : bytes) bits = bits << 8 | std::to_integer<std::uint64_t>(byte);
  value = static_cast<std::int64_t>(bits);
  return true;
}

bool StoredRow::text(std::size_t column, std::string_view& value) const noexcept {
  if (column >= count_ || values_[column].type < 13 || values_[column].type % 2 == 0) return false;
  const Bytes bytes = values_[column].bytes;
  value = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  return true;
}

bool StoredRow::blob(std::size_t column, Bytes& value) const noexcept {
  if (column >= count_ || values_[column].type < 12 || values_[column].type % 2 != 0) return false;
  value = values_[column].bytes;
  return true;
}

}  // namespace pema::profiles::sqlite
