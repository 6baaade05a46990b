#include "profiles/postgres/open.h"

#include "profiles/postgres/database.h"
#include "profiles/postgres/schema.h"

namespace pema::profiles::postgres {

std::unique_ptr<sql::Database> open_database(const std::string& connection_string, OpenMode mode) {
  auto database = std::make_unique<Database>(connection_string, mode);
  if (mode == OpenMode::kCreate) {
    create_schema(*database, migrations());
  } else {
    upgrade_schema(*database, migrations());
  }
  // Connections that have not written for a month will not ask about their last commit any more.
  if (mode != OpenMode::kReadOnly) {
    database->execute("DELETE FROM pema_writer WHERE seen < now() - interval '30 days'");
  }
  return database;
}

}  // namespace pema::profiles::postgres
