/// The schema of registry.db and how an older one becomes the newest.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "profiles/sqlite/database.h"

namespace pema::profiles {

/// One step of the schema: schema/000N_*.sql.
struct Migration {
  std::int64_t version = 0;  ///< user_version after it
  std::string_view sql;
};

/// "PEMA": tells our files from other programs' SQLite files.
inline constexpr std::int64_t kApplicationId = 0x50454d41;

/// All steps, rising from version 1; made from profiles/schema at build time.
[[nodiscard]] std::span<const Migration> migrations() noexcept;

/// Gives an empty file the newest schema, in one transaction. Throws kAlreadyExists when the file
/// has a schema already (also when another process was faster), kUnsupported when it belongs to
/// another program.
void create_schema(sqlite::Database& database, std::span<const Migration> steps);

/// The schema of a registry, which may be an older one than the newest of `steps`. Throws
/// kUnsupported when it is newer or the file another program's, kCorrupt when the file is empty or
/// no registry.
[[nodiscard]] std::int64_t known_schema(sqlite::Database& database,
                                        std::span<const Migration> steps);

/// Runs the steps that are missing, all in one transaction: a crash or an error leaves the old
/// schema. Before them the file is copied to registry.db.schemaN beside it, N the old schema; the
/// result is checked before the commit, and the copy deleted after it (it names people, and an
/// erasure must not have to look for it). Throws kDiskFull when there is no room for the copy.
/// Throws as known_schema, and kUnsupported when the schema is old and the database read-only.
void upgrade_schema(sqlite::Database& database, std::span<const Migration> steps);

}  // namespace pema::profiles
