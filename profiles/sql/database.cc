#include "profiles/sql/database.h"

namespace pema::profiles::sql {

std::int64_t Database::integer(std::string_view sql) {
  Query query = this->query(sql);
  PEMA_CHECK(query->step(), kCorrupt, path(), ": gives no answer to ", sql);
  return query->integer(0);
}

void Database::for_each(std::string_view sql, std::int64_t count, const Binder& bind,
                        const Reader& read) {
  for (std::int64_t i = 0; i < count; ++i) {
    Query row = query(sql);
    bind(i, *row);
    while (row->step()) read(i, *row);
  }
}

void Database::insert_many(std::string_view table, std::span<const std::string_view> columns,
                           std::int64_t count, const Binder& bind) {
  PEMA_ASSERT(in_transaction());
  std::string names;
  std::string values;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    names += message(i == 0 ? "" : ", ", columns[i]);
    values += message(i == 0 ? "?" : ", ?", i + 1);
  }
  const std::string sql = message("INSERT INTO ", table, " (", names, ") VALUES (", values, ")");
  for_each(sql, count, bind, [](std::int64_t, const Statement&) {});
}

}  // namespace pema::profiles::sql
