/// A row as it lies in a page, column by column, without SQLite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pema::profiles::sqlite {

/// A row (SQLite's "Database File Format", 2.1): its columns in order.
class StoredRow {
 public:
  static constexpr std::size_t kMostColumns = 8;

  /// False when `record` is none, or has more columns than that. Values point into it.
  [[nodiscard]] bool parse(std::span<const std::byte> record) noexcept;
  [[nodiscard]] std::size_t columns() const noexcept { return count_; }
  /// Each is false when there is no such column or it holds something else.
  [[nodiscard]] bool null(std::size_t column) const noexcept;
  [[nodiscard]] bool integer(std::size_t column, std::int64_t& value) const noexcept;
  [[nodiscard]] bool text(std::size_t column, std::string_view& value) const noexcept;
  [[nodiscard]] bool blob(std::size_t column, std::span<const std::byte>& value) const noexcept;

 private:
  struct Value {
    std::uint64_t type = 0;
    std::span<const std::byte> bytes;
  };
  Value values_[kMostColumns];
  std::size_t count_ = 0;
};

}  // namespace pema::profiles::sqlite
