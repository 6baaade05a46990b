/// Finding one row in SQLite's trees, page by page, without SQLite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "profiles/sqlite/page_source.h"

namespace pema::profiles::sqlite {

/// kUnknown: a page could not be had, is not what it should be, or the row lies in several pages.
/// SQLite then has the answer, or the error.
enum class RowSearch : std::uint8_t { kFound, kAbsent, kUnknown };

/// A tree (SQLite's "Database File Format", 1.6).
struct RowTree {
  std::uint32_t root = 0;           ///< page
  std::int64_t reserved_bytes = 0;  ///< at the end of each page
};

/// A row (the same, 2.1): its columns in order.
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

/// The row of a table by its number. `row` points into a page of `pages`.
[[nodiscard]] RowSearch find_row(PageSource& pages, const RowTree& table, std::int64_t number,
                                 StoredRow& row);
/// The row of a table WITHOUT ROWID whose first column, its key, is the text `key`, compared byte
/// by byte.
[[nodiscard]] RowSearch find_row(PageSource& pages, const RowTree& table, std::string_view key,
                                 StoredRow& row);

}  // namespace pema::profiles::sqlite
