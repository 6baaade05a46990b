/// Finding one row in SQLite's trees, page by page, without SQLite.
#pragma once

#include <cstdint>
#include <string_view>

#include "profiles/sqlite/page_source.h"
#include "profiles/sqlite/stored_row.h"

namespace pema::profiles::sqlite {

/// kUnknown: a page could not be had, is not what it should be, or the row lies in several pages.
/// SQLite then has the answer, or the error.
enum class RowSearch : std::uint8_t { kFound, kAbsent, kUnknown };

/// A tree (SQLite's "Database File Format", 1.6).
struct RowTree {
  std::uint32_t root = 0;           ///< page
  std::int64_t reserved_bytes = 0;  ///< at the end of each page
};

/// The row of a table by its number. `row` points into a page of `pages`.
[[nodiscard]] RowSearch find_row(PageSource& pages, const RowTree& table, std::int64_t number,
                                 StoredRow& row);
/// The row of a table WITHOUT ROWID whose first column, its key, is the text `key`, compared byte
/// by byte.
[[nodiscard]] RowSearch find_row(PageSource& pages, const RowTree& table, std::string_view key,
                                 StoredRow& row);

}  // namespace pema::profiles::sqlite
