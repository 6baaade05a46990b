/// Opening a store's tables in PostgreSQL. The library is also built without libpq; this header is
/// all that the rest of it sees.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pema/store.h"
#include "profiles/sql/database.h"

namespace pema::profiles::postgres {

/// A connection to the tables of a store, brought to the newest schema; kCreate makes them. `mark`
/// is the folder's (registry_address.h): tables that are made get it, others must bear it unless it
/// is empty. Throws as Database and schema.h; kUnsupported when this build has no libpq.
[[nodiscard]] std::unique_ptr<sql::Database> open_database(const std::string& connection_string,
                                                           OpenMode mode,
                                                           std::string_view mark = {});

/// Throws kInvalidArgument when the connection string is malformed or holds a password, which would
/// be written into a file; kUnsupported when this build has no libpq.
void check_storable(const std::string& connection_string);

}  // namespace pema::profiles::postgres
