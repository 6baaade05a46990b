/// Long answers, a page at a time: SQLite reads its rows as it goes, PostgreSQL hands over a whole
/// answer, and a page is what both hold in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "profiles/sql/database.h"

namespace pema::profiles::sql {

/// Rows of a page.
inline constexpr std::int64_t kPageRows = 4096;

/// Takes a row; false when it wants no more.
using PageReader = std::function<bool(const Statement& row)>;
/// Binds the parameters from ?3 on, of each page anew.
using PageBinder = std::function<void(Statement& statement)>;

/// Runs `sql`, whose column 0 is a key that rises, until it gives no more rows: ?1 is the key that
/// a page begins after, at first `after`, and ?2 its length ("... WHERE id > ?1 ORDER BY id LIMIT
/// ?2"). A page is over before the next one is asked for; a read transaction makes all of them one
/// state. Throws kCorrupt when the keys do not rise, which would never end.
void read_pages(Database& database, std::string_view sql, std::int64_t after,
                const PageReader& read, const PageBinder& bind = {});
/// The same with names for keys.
void read_pages(Database& database, std::string_view sql, std::string after, const PageReader& read,
                const PageBinder& bind = {});

}  // namespace pema::profiles::sql
