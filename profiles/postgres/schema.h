/// The tables of a store in PostgreSQL and how older ones become the newest.
#pragma once

#include <span>

#include "profiles/migrations.h"
#include "profiles/sql/database.h"

namespace pema::profiles::postgres {

/// All steps, rising from version 1; made from profiles/schema/postgres at build time.
[[nodiscard]] std::span<const Migration> migrations() noexcept;

/// Gives the database the newest schema, in one transaction. Throws kAlreadyExists when it has one
/// already (also when another process was faster).
void create_schema(sql::Database& database, std::span<const Migration> steps);

/// Runs the steps that are missing, all in one transaction. Throws kNotFound when there is no store
/// in the database, kUnsupported when the schema is newer than `steps`, or old and the database
/// read-only.
void upgrade_schema(sql::Database& database, std::span<const Migration> steps);

}  // namespace pema::profiles::postgres
