#include "profiles/postgres/open.h"

#include "pema/error.h"
#include "profiles/postgres/address.h"
#include "profiles/postgres/connect.h"
#include "profiles/postgres/database.h"
#include "profiles/postgres/schema.h"

namespace pema::profiles::postgres {

std::unique_ptr<sql::Database> open_database(const std::string& connection_string, OpenMode mode,
                                             std::string_view mark) {
  auto database = std::make_unique<Database>(connection_string, mode);
  if (mode == OpenMode::kCreate) {
    create_schema(*database, migrations(), mark);
  } else {
    upgrade_schema(*database, migrations());
    if (!mark.empty()) check_mark(*database, mark);
  }
  // Connections that have not written for a month will not ask about their last commit any more.
  if (mode != OpenMode::kReadOnly) {
    database->execute("DELETE FROM pema_writer WHERE seen < now() - interval '30 days'");
  }
  return database;
}

void check_storable(const std::string& connection_string) {
  PEMA_CHECK(is_connection_string(connection_string), kInvalidArgument,
             "the address of a registry is postgresql://USER@HOST:PORT/DATABASE");
  check_connection_string(connection_string);
  PEMA_CHECK(!holds_password(connection_string), kInvalidArgument,
             "the address of a registry is written into the store's folder and must hold no "
             "password; leave it out and put it into ~/.pgpass or PGPASSWORD, where libpq looks");
}

}  // namespace pema::profiles::postgres
