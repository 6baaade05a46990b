#include <algorithm>

#include "profiles/registry.h"

namespace pema::profiles {

std::int64_t Registry::leaving(std::string_view name) {
  sql::Query row = database_.query("SELECT value FROM leaving WHERE name = ?1");
  PEMA_CHECK(row->bind(1, name).step(), kCorrupt, folder_, "/registry.db: table leaving lacks '",
             name, "'; restore registry.db from a backup");
  return row->integer(0);
}

void Registry::set_leaving(std::string_view name, std::int64_t value) {
  sql::Query row = database_.query("UPDATE leaving SET value = ?2 WHERE name = ?1");
  row->bind(1, name).bind(2, value).run();
}

std::int64_t Registry::generation_floor() { return leaving("generation"); }

bool Registry::forget_removed_name(std::string_view name) {
  std::int64_t generation = 0;
  {
    sql::Query row =
        database_.query("DELETE FROM removed WHERE name_hash = ?1 RETURNING generation");
    if (!row->bind(1, name_hash(stored_name(name))).step()) return false;
    generation = row->integer(0);
    row->run();
  }
  if (generation > generation_floor()) set_leaving("generation", generation);
  return true;
}

bool Registry::empty_erased_log() {
  if (leaving("log") == 0) return true;
  if (!empty_log()) return false;
  write([&] { set_leaving("log", 0); });
  return true;
}

}  // namespace pema::profiles
