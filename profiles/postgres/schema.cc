#include "profiles/postgres/schema.h"

#include <string>

#include "pema/error.h"
#include "profiles/sql/transaction.h"

namespace pema::profiles::postgres {
namespace {

std::int64_t schema_version(sql::Database& database) {
  return database.integer("SELECT schema FROM pema_store WHERE one = 1");
}

void run_steps(sql::Database& database, std::span<const Migration> steps, std::int64_t from) {
  for (const Migration& step : steps) {
    if (step.version > from) database.execute(std::string(step.sql));
  }
  sql::Query update = database.query("UPDATE pema_store SET schema = ?1 WHERE one = 1");
  update->bind(1, steps.back().version).run();
}

}  // namespace

void create_schema(sql::Database& database, std::span<const Migration> steps) {
  sql::run_transaction(database, sql::TransactionKind::kWrite, [&] {
    PEMA_CHECK(schema_version(database) == 0, kAlreadyExists, database.path(),
               ": there is a store already; open it instead of creating it, or name another "
               "database or search_path");
    run_steps(database, steps, 0);
  });
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
