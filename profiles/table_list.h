/// What tables a store has, told by registry.db itself, so that whoever copies them knows those of
/// every schema.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiles/sqlite/database.h"

namespace pema::profiles {

enum class ColumnType { kInteger, kReal, kText, kBlob };

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::kInteger;
};

struct TableInfo {
  std::string name;
  std::vector<TableColumn> columns;
  std::vector<std::size_t> key;  ///< columns of the primary key, in its order
  bool numbered = false;         ///< the key is a number that is never given twice
};

/// All tables, those that others refer to before them. Throws kInternal for a column type that
/// there is none of here, kCorrupt.
[[nodiscard]] std::vector<TableInfo> list_tables(sqlite::Database& database);

}  // namespace pema::profiles
