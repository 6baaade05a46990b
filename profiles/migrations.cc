#include "profiles/migrations.h"

#include <string>

#include "pema/error.h"
#include "profiles/sqlite/transaction.h"
#include "src/core/file_system.h"

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

/// The file as it was before schema `version` was left; see upgrade_schema.
std::string copy_path(const std::string& registry, std::int64_t version) {
  return message(registry, ".schema", version);
}

/// Nobody needs the copies of older schemas once the newest one is there; they name people.
void delete_copies(const std::string& registry, std::int64_t newest) {
  for (std::int64_t version = 1; version < newest; ++version) {
    static_cast<void>(core::file_system().unlink(copy_path(registry, version)));
  }
}

/// Copies what is committed; the caller holds the write lock, so nothing else is coming.
void copy_before(const std::string& registry, std::int64_t version) {
  core::FileSystem& files = core::file_system();
  const std::string path = copy_path(registry, version);
  const std::string unfinished = path + ".unfinished";
  Database source(registry, OpenMode::kReadOnly);
  const Transaction snapshot(source, sqlite::TransactionKind::kRead);
  static_cast<void>(source.integer("PRAGMA user_version"));  // begins it
  source.copy_to(unfinished, [](std::int64_t, std::int64_t) {});
  core::check_file(files.sync_file(unfinished), unfinished, "syncing");
  core::check_file(files.rename(unfinished, path), path, "naming it");
  core::check_file(files.sync_folder(core::folder_of(path)), path, "syncing its folder");
}

/// What the steps made must be sound before it is committed.
void check_result(Database& database, std::int64_t from, std::int64_t to) {
  const auto broken = [&](const std::string& why) {
    fail(ErrorCode::kCorrupt, database.path(), ": going from schema ", from, " to ", to,
         " would leave it damaged (", why, "); nothing was changed, and ",
         copy_path(database.path(), from),
         " is a copy; run `pema store verify` with the older pema");
  };
  {
    sqlite::Query row = database.query("PRAGMA quick_check(1)");
    if (row->step() && row->text(0) != "ok") broken(row->text(0));
  }
  sqlite::Query row = database.query("PRAGMA foreign_key_check");
  if (row->step()) broken("a row of " + row->text(0) + " names one that is not there");
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

std::int64_t known_schema(Database& database, std::span<const Migration> steps) {
  const std::int64_t newest = steps.back().version;
  check_ours(database);
  const std::int64_t version = schema_version(database);
  PEMA_CHECK(version <= newest, kUnsupported, database.path(), ": has schema ", version,
             ", this build knows ", newest, "; use the newer pema that wrote it");
  PEMA_CHECK(version >= 1, kCorrupt, database.path(), ": has the impossible schema ", version,
             "; restore registry.db from a backup");
  return version;
}

void upgrade_schema(Database& database, std::span<const Migration> steps) {
  const std::int64_t newest = steps.back().version;
  std::int64_t version = known_schema(database, steps);
  if (version == newest) {
    if (!database.read_only()) delete_copies(database.path(), newest);
    return;
  }
  PEMA_CHECK(!database.read_only(), kUnsupported, database.path(), ": has the older schema ",
             version, "; open the store once for writing to bring it to ", newest);
  Transaction transaction(database);
  version = schema_version(database);  // another process may have been faster
  if (version < newest) {
    copy_before(database.path(), version);
    run_steps(database, steps, version);
    check_result(database, version, newest);
  }
  transaction.commit();
  delete_copies(database.path(), newest);
}

}  // namespace pema::profiles
