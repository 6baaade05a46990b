/// The tables of a store in PostgreSQL and how older ones become the newest.
#pragma once

#include <span>
#include <string_view>

#include "profiles/migrations.h"
#include "profiles/sql/database.h"

namespace pema::profiles::postgres {

/// All steps, rising from version 1; made from profiles/schema/postgres at build time.
[[nodiscard]] std::span<const Migration> migrations() noexcept;

/// Gives the database the newest schema and `mark`, in one transaction. Throws kAlreadyExists when
/// it has one already (also when another process was faster), unless it bears that mark: then an
/// earlier call did it, whose caller came no further. An empty mark is none.
void create_schema(sql::Database& database, std::span<const Migration> steps,
                   std::string_view mark = {});

/// Throws kMismatch unless the store in the database bears `mark`.
void check_mark(sql::Database& database, std::string_view mark);

/// Runs the steps that are missing, all in one transaction. Throws kNotFound when there is no store
/// in the database, kUnsupported when the schema is newer than `steps`, or old and the database
/// read-only.
void upgrade_schema(sql::Database& database, std::span<const Migration> steps);

}  // namespace pema::profiles::postgres
