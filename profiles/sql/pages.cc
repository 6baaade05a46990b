#include "profiles/sql/pages.h"

#include <utility>

#include "pema/error.h"

namespace pema::profiles::sql {
namespace {

std::int64_t key_of(const Statement& row, std::int64_t) { return row.integer(0); }
std::string key_of(const Statement& row, const std::string&) { return row.text(0); }

std::int64_t bound(std::int64_t key) { return key; }
std::string_view bound(const std::string& key) { return key; }

template <typename Key>
void walk(Database& database, std::string_view sql, Key after, const PageReader& read,
          const PageBinder& bind) {
  for (;;) {
    std::int64_t rows = 0;
    Query page = database.query(sql);
    page->bind(1, bound(after)).bind(2, kPageRows);
    if (bind) bind(*page);
    for (; page->step(); ++rows) {
      Key key = key_of(*page, after);
      PEMA_CHECK(after < key, kCorrupt, database.path(),
                 ": rows do not come in the order of their keys; restore it from a backup");
      after = std::move(key);
      if (!read(*page)) return;
    }
    if (rows < kPageRows) return;
  }
}

}  // namespace

void read_pages(Database& database, std::string_view sql, std::int64_t after,
                const PageReader& reader, const PageBinder& bind) {
  walk(database, sql, after, reader, bind);
}

void read_pages(Database& database, std::string_view sql, std::string after,
                const PageReader& reader, const PageBinder& bind) {
  walk(database, sql, std::move(after), reader, bind);
}

}  // namespace pema::profiles::sql
