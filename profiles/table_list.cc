#include "profiles/table_list.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pema/error.h"

namespace pema::profiles {
namespace {

ColumnType type_of(const std::string& name) {
  if (name == "INTEGER") return ColumnType::kInteger;
  if (name == "REAL") return ColumnType::kReal;
  if (name == "TEXT") return ColumnType::kText;
  PEMA_ASSERT(name == "BLOB");
  return ColumnType::kBlob;
}

void read_columns(sqlite::Database& database, TableInfo& table) {
  std::map<std::int64_t, std::size_t> key;
  sql::Query row = database.query("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid");
  row->bind(1, std::string_view(table.name));
  while (row->step()) {
    if (row->integer(2) > 0) key[row->integer(2)] = table.columns.size();
    table.columns.push_back({row->text(0), type_of(row->text(1))});
  }
  for (const auto& [place, column] : key) table.key.push_back(column);
  if (table.key.empty()) table.key.push_back(0);  // of one row
}

std::set<std::string> referred_to(sqlite::Database& database, const std::string& table) {
  std::set<std::string> names;
  sql::Query row = database.query("SELECT \"table\" FROM pragma_foreign_key_list(?1)");
  row->bind(1, std::string_view(table));
  while (row->step()) names.insert(row->text(0));
  names.erase(table);
  return names;
}

}  // namespace

std::vector<TableInfo> list_tables(sqlite::Database& database) {
  std::vector<TableInfo> waiting;
  {
    sql::Query row = database.query(
        "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema WHERE type = 'table' AND name "
        "NOT LIKE 'sqlite_%' ORDER BY name");
    while (row->step()) waiting.push_back({row->text(0), {}, {}, row->integer(1) != 0});
  }
  std::map<std::string, std::set<std::string>> needs;
  for (TableInfo& table : waiting) {
    read_columns(database, table);
    needs[table.name] = referred_to(database, table.name);
  }
  std::vector<TableInfo> tables;
  while (!waiting.empty()) {
    const auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const TableInfo& table) {
      return needs[table.name].empty();
    });
    PEMA_ASSERT(ready != waiting.end());
    for (auto& [name, others] : needs) others.erase(ready->name);
    tables.push_back(std::move(*ready));
    waiting.erase(ready);
  }
  return tables;
}

}  // namespace pema::profiles
