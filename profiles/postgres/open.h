/// Opening a store's tables in PostgreSQL. The library is also built without libpq; this header is
/// all that the rest of it sees.
#pragma once

#include <memory>
#include <string>

#include "pema/store.h"
#include "profiles/sql/database.h"

namespace pema::profiles::postgres {

/// A connection to the tables of a store, brought to the newest schema; kCreate makes them. Throws
/// as Database and schema.h; kUnsupported when this build has no libpq.
[[nodiscard]] std::unique_ptr<sql::Database> open_database(const std::string& connection_string,
                                                           OpenMode mode);

}  // namespace pema::profiles::postgres
