/// Rows of a store's tables on their way from one back end to the other.
#pragma once

#include <cstdint>
#include <functional>

#include "pema/digest.h"
#include "profiles/sql/database.h"
#include "profiles/table_list.h"

namespace pema::profiles {

/// What a table consists of, whichever back end holds it.
struct TableSum {
  std::int64_t rows = 0;
  Digest digest;  ///< of all values of all rows, in the order of their keys

  bool operator==(const TableSum&) const = default;
};

/// Told how many rows a step has read.
using RowsRead = std::function<void(std::int64_t rows)>;

/// Copies all rows, a page at a time. `to` is in a write transaction, and its table is empty.
TableSum copy_table(sql::Database& from, sql::Database& to, const TableInfo& table,
                    const RowsRead& after);
/// Reads all rows.
[[nodiscard]] TableSum sum_table(sql::Database& database, const TableInfo& table,
                                 const RowsRead& after);

/// The last number that a numbered table ever gave, so that the copy gives none of them again.
[[nodiscard]] std::int64_t last_number(sql::Database& database, const TableInfo& table);
void set_last_number(sql::Database& database, const TableInfo& table, std::int64_t last);

}  // namespace pema::profiles
