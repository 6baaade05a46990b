#include "profiles/table_copy.h"

#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pema/error.h"
#include "profiles/sql/pages.h"

namespace pema::profiles {
namespace {

using Value =
    std::variant<std::monostate, std::int64_t, double, std::string, std::vector<std::byte>>;
using Row = std::vector<Value>;

Value value_of(const sql::Statement& row, int column, ColumnType type) {
  if (row.null(column)) return {};
  switch (type) {
    case ColumnType::kInteger:
      return row.integer(column);
    case ColumnType::kReal:
      return row.real(column);
    case ColumnType::kText:
      return row.text(column);
    case ColumnType::kBlob:
      break;
  }
  const std::span<const std::byte> blob = row.blob(column);
  return std::vector<std::byte>(blob.begin(), blob.end());
}

struct Binding {
  sql::Statement& statement;
  int index;

  void operator()(std::monostate) const { statement.bind_null(index); }
  void operator()(std::int64_t value) const { statement.bind(index, value); }
  void operator()(double value) const { statement.bind(index, value); }
  void operator()(const std::string& text) const { statement.bind(index, std::string_view(text)); }
  void operator()(const std::vector<std::byte>& blob) const {
    statement.bind(index, std::span<const std::byte>(blob));
  }
};

void bind(sql::Statement& statement, int index, const Value& value) {
  std::visit(Binding{statement, index}, value);
}

/// Each value with its type and its length before it, so that no two rows look alike.
struct Hashing {
  Sha256& hash;

  void head(std::int64_t type, std::size_t bytes) const {
    hash.update_int(type);
    hash.update_int(static_cast<std::int64_t>(bytes));
  }
  void operator()(std::monostate) const { head(0, 0); }
  void operator()(std::int64_t value) const {
    head(1, 8);
    hash.update_int(value);
  }
  void operator()(double value) const {
    head(2, 8);
    std::int64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    hash.update_int(bits);
  }
  void operator()(const std::string& text) const {
    head(3, text.size());
    hash.update(text);
  }
  void operator()(const std::vector<std::byte>& blob) const {
    head(4, blob.size());
    hash.update(blob);
  }
};

/// "a, b" of the columns of `places`.
std::string names_of(const TableInfo& table, std::span<const std::size_t> places) {
  std::string names;
  for (const std::size_t place : places) {
    names += (names.empty() ? "" : ", ") + table.columns[place].name;
  }
  return names;
}

/// The number of audit events is a row of PostgreSQL's alone; registry.db has it elsewhere.
std::string_view condition_of(const TableInfo& table) {
  return table.name == "counter" ? "name <> 'audit'" : "";
}

std::string page_sql(const TableInfo& table, bool first) {
  std::vector<std::size_t> all(table.columns.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const std::string key = names_of(table, table.key);
  std::string sql = "SELECT " + names_of(table, all) + " FROM " + table.name;
  std::string where(condition_of(table));
  if (!first) {
    std::string after;
    for (std::size_t i = 1; i <= table.key.size(); ++i) {
      after += message(i == 1 ? "?" : ", ?", i + 1);
    }
    where += (where.empty() ? "(" : " AND (") + key + ") > (" + after + ")";
  }
  if (!where.empty()) sql += " WHERE " + where;
  return sql + " ORDER BY " + key + " LIMIT ?1";
}

std::vector<Row> read_page(sql::Database& database, const TableInfo& table, const Row& last) {
  std::vector<Row> rows;
  sql::Query page = database.query(page_sql(table, last.empty()));
  page->bind(1, sql::kPageRows);
  if (!last.empty()) {
    for (std::size_t i = 0; i < table.key.size(); ++i) {
      bind(*page, static_cast<int>(i) + 2, last[table.key[i]]);
    }
  }
  while (page->step()) {
    Row& row = rows.emplace_back();
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      row.push_back(value_of(*page, static_cast<int>(i), table.columns[i].type));
    }
  }
  return rows;
}

TableSum walk(sql::Database& database, const TableInfo& table, const RowsRead& after,
              const std::function<void(const std::vector<Row>&)>& take) {
  TableSum sum;
  Sha256 hash;
  Row last;
  for (;;) {
    const std::vector<Row> rows = read_page(database, table, last);
    for (const Row& row : rows) {
      for (const Value& value : row) std::visit(Hashing{hash}, value);
    }
    sum.rows += std::ssize(rows);
    if (take && !rows.empty()) take(rows);
    after(std::ssize(rows));
    if (std::ssize(rows) < sql::kPageRows) break;
    PEMA_CHECK(rows.front() != rows.back() && rows.back() != last, kCorrupt, database.path(),
               ": the rows of ", table.name, " do not come in the order of their keys");
    last = rows.back();
  }
  sum.digest = hash.finish();
  return sum;
}

}  // namespace

TableSum copy_table(sql::Database& from, sql::Database& to, const TableInfo& table,
                    const RowsRead& after) {
  std::vector<std::string_view> columns;
  for (const TableColumn& column : table.columns) columns.push_back(column.name);
  return walk(from, table, after, [&](const std::vector<Row>& rows) {
    to.insert_many(table.name, columns, std::ssize(rows),
                   [&](std::int64_t i, sql::Statement& statement) {
                     const Row& row = rows[static_cast<std::size_t>(i)];
                     for (std::size_t column = 0; column < row.size(); ++column) {
                       bind(statement, static_cast<int>(column) + 1, row[column]);
                     }
                   });
  });
}

TableSum sum_table(sql::Database& database, const TableInfo& table, const RowsRead& after) {
  return walk(database, table, after, {});
}

std::int64_t last_number(sql::Database& database, const TableInfo& table) {
  if (database.engine() == sql::Engine::kSqlite) {
    sql::Query row = database.query("SELECT seq FROM sqlite_sequence WHERE name = ?1");
    return row->bind(1, std::string_view(table.name)).step() ? row->integer(0) : 0;
  }
  if (table.name == "audit") {
    return database.integer("SELECT value FROM counter WHERE name = 'audit'");
  }
  std::string sequence;
  {
    sql::Query row = database.query("SELECT pg_get_serial_sequence(?1, ?2)");
    row->bind(1, std::string_view(table.name))
        .bind(2, std::string_view(table.columns[table.key[0]].name));
    PEMA_ASSERT(row->step());
    sequence = row->text(0);
  }
  return database.integer(
      "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM " + sequence);
}

void set_last_number(sql::Database& database, const TableInfo& table, std::int64_t last) {
  if (database.engine() == sql::Engine::kSqlite) {
    sql::Query old = database.query("DELETE FROM sqlite_sequence WHERE name = ?1");
    old->bind(1, std::string_view(table.name)).run();
    sql::Query row = database.query("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)");
    row->bind(1, std::string_view(table.name)).bind(2, last).run();
    return;
  }
  if (table.name == "audit") {
    sql::Query row = database.query(
        "INSERT INTO counter (name, value) VALUES ('audit', ?1) ON CONFLICT (name) DO UPDATE SET "
        "value = excluded.value");
    row->bind(1, last).run();
    return;
  }
  database.execute(message("ALTER TABLE ", table.name, " ALTER COLUMN ",
                           table.columns[table.key[0]].name, " RESTART WITH ", last + 1));
}

}  // namespace pema::profiles
