#include <exception>

#include "profiles/registry.h"
#include "profiles/sqlite/transaction.h"

namespace pema::profiles {

std::vector<NamedObject> Registry::named_objects() {
  std::vector<NamedObject> objects;
  sqlite::Query row = database_.query(
      "SELECT object, max(bytes) FROM ("
      "SELECT digest AS object, bytes FROM segment UNION ALL "
      "SELECT digest, bytes FROM codebook UNION ALL "
      "SELECT object, -1 FROM pool_block UNION ALL "
      "SELECT shared, -1 FROM pool WHERE shared IS NOT NULL UNION ALL "
      "SELECT gate, -1 FROM pool WHERE gate IS NOT NULL) GROUP BY object ORDER BY object");
  while (row->step()) objects.push_back({row->digest(0), row->integer(1)});
  return objects;
}

void Registry::sweep_doomed() {
  static_cast<void>(sweep_keys());
  if (database_.integer("SELECT EXISTS (SELECT 1 FROM doomed)") == 0) return;
  sqlite::Transaction transaction(database_);
  const DeletionLock lock(objects_.folder(), DeletionLock::Kind::kDelete);
  if (!lock.held()) return;  // a backup copies them; they stay doomed
  std::vector<Digest> doomed;
  {
    sqlite::Query row = database_.query("SELECT object FROM doomed");
    while (row->step()) doomed.push_back(row->digest(0));
  }
  // Whoever dropped the rows may have committed without a sync.
  database_.sync_log();
  for (const Digest& digest : doomed) {
    if (!names_object(digest)) objects_.remove(digest);
    sqlite::Query done = database_.query("DELETE FROM doomed WHERE object = ?1");
    done->bind(1, digest).run();
  }
  transaction.commit();
}

void Registry::tidy() noexcept {
  try {
    sweep_doomed();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): they stay doomed
  }
}

void Registry::drop_unnamed(std::span<const Digest> objects) {
  if (objects.empty()) return;
  {
    // Doomed first: a commit that failed in its sync lies in the log and would come back after a
    // crash, naming files that are gone. This commit takes its place.
    sqlite::Transaction transaction(database_);
    for (const Digest& digest : objects) {
      if (names_object(digest)) continue;
      sqlite::Query doom = database_.query("INSERT OR IGNORE INTO doomed (object) VALUES (?1)");
      doom->bind(1, digest).run();
    }
    transaction.commit();
  }
  sweep_doomed();
}

}  // namespace pema::profiles
