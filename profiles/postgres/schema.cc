#include "profiles/postgres/schema.h"

#include <string>

#include "pema/error.h"
#include "profiles/sql/transaction.h"

namespace pema::profiles::postgres {
namespace {

std::int64_t schema_version(sql::Database& database) {
  return database.integer("SELECT schema FROM pema_store WHERE one = 1");
}

std::string mark_of(sql::Database& database) {
  sql::Query row = database.query("SELECT coalesce(mark, '') FROM pema_store WHERE one = 1");
  return row->step() ? row->text(0) : std::string();
}

void run_steps(sql::Database& database, std::span<const Migration> steps, std::int64_t from) {
  for (const Migration& step : steps) {
    if (step.version > from) database.execute(std::string(step.sql));
  }
  sql::Query update = database.query("UPDATE pema_store SET schema = ?1 WHERE one = 1");
  update->bind(1, steps.back().version).run();
}

}  // namespace

void create_schema(sql::Database& database, std::span<const Migration> steps,
                   std::string_view mark) {
  sql::run_transaction(database, sql::TransactionKind::kWrite, [&] {
    const bool there = schema_version(database) != 0;
    if (there && !mark.empty() && mark_of(database) == mark) return;
    PEMA_CHECK(!there, kAlreadyExists, database.path(),
               ": there is a store already; open it instead of creating it, or name another "
               "database or search_path");
    run_steps(database, steps, 0);
    sql::Query update = database.query("UPDATE pema_store SET mark = ?1 WHERE one = 1");
    update->bind(1, mark).run();
  });
}

void check_mark(sql::Database& database, std::string_view mark) {
  PEMA_CHECK(mark_of(database) == mark, kMismatch, database.path(),
             ": holds the tables of another store; check the address in registry.url, its "
             "search_path included");
}

void upgrade_schema(sql::Database& database, std::span<const Migration> steps) {
  const bool there =
      database.integer(
          "SELECT count(*) FROM information_schema.tables WHERE table_name = 'pema_store' AND "
          "table_schema = ANY (current_schemas(false))") > 0;
  const std::int64_t newest = steps.back().version;
  const std::int64_t version = there ? schema_version(database) : 0;
  PEMA_CHECK(version > 0, kNotFound, database.path(),
             ": there is no store here; create one with `pema init`");
  PEMA_CHECK(version <= newest, kUnsupported, database.path(), ": has schema ", version,
             ", this build knows ", newest, "; use the newer pema that wrote it");
  if (version == newest) return;
  PEMA_CHECK(!database.read_only(), kUnsupported, database.path(), ": has the older schema ",
             version, "; open the store once for writing to bring it to ", newest);
  sql::run_transaction(database, sql::TransactionKind::kWrite, [&] {
    run_steps(database, steps, schema_version(database));  // another process may have been faster
  });
}

}  // namespace pema::profiles::postgres
