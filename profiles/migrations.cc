#include "profiles/migrations.h"

#include <string>

#include "pema/error.h"
#include "profiles/sqlite/transaction.h"

namespace pema::profiles {
namespace {

using sqlite::Database;
using sqlite::Transaction;

std::int64_t schema_version(Database& database) { return database.integer("PRAGMA user_version"); }

bool has_tables(Database& database) {
  return database.integer("SELECT count(*) FROM sqlite_schema") > 0;
}

void run_steps(Database& database, std::span<const Migration> steps, std::int64_t from) {
  for (const Migration& step : steps) {
    if (step.version <= from) continue;
    database.execute(std::string(step.sql));
    database.execute(message("PRAGMA user_version=", step.version));
  }
}

void check_ours(Database& database) {
  const std::int64_t id = database.integer("PRAGMA application_id");
  if (id == kApplicationId) return;
  PEMA_CHECK(id == 0 && schema_version(database) == 0 && !has_tables(database), kUnsupported,
             database.path(), ": is an SQLite file of another program; name a pema store");
  fail(ErrorCode::kCorrupt, database.path(),
       ": is empty: creating the store was cut short or the file was truncated; restore it from a "
       "backup, or run `pema init` to start over");
}

}  // namespace

void create_schema(Database& database, std::span<const Migration> steps) {
  Transaction transaction(database);
  const std::int64_t id = database.integer("PRAGMA application_id");
  PEMA_CHECK(id == 0 || id == kApplicationId, kUnsupported, database.path(),
             ": is an SQLite file of another program; choose another folder");
  PEMA_CHECK(id == 0 && !has_tables(database), kAlreadyExists, database.path(),
             ": there is a store already; open it instead of creating it");
  run_steps(database, steps, 0);
  database.execute(message("PRAGMA application_id=", kApplicationId));
  transaction.commit();
}

void upgrade_schema(Database& database, std::span<const Migration> steps) {
  const std::int64_t newest = steps.back().version;
  check_ours(database);
  std::int64_t version = schema_version(database);
  PEMA_CHECK(version <= newest, kUnsupported, database.path(), ": has schema ", version,
             ", this build knows ", newest, "; use the newer pema that wrote it");
  PEMA_CHECK(version >= 1, kCorrupt, database.path(), ": has the impossible schema ", version,
             "; restore registry.db from a backup");
  if (version == newest) return;
  PEMA_CHECK(!database.read_only(), kUnsupported, database.path(), ": has the older schema ",
             version, "; open the store once for writing to bring it to ", newest);
  Transaction transaction(database);
  version = schema_version(database);  // another process may have been faster
  run_steps(database, steps, version);
  transaction.commit();
}

}  // namespace pema::profiles
