/// The back end that a test program of stores is built for: most tests of stores are in two
/// programs, one over registry.db and one over PostgreSQL.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pema/store.h"
#include "profiles/sql/database.h"

namespace pema::test {

/// How a new store is made: with an address of tables of its own, or without one.
[[nodiscard]] StoreOptions new_store(StoreOptions options = {});
[[nodiscard]] bool on_postgres() noexcept;
/// A connection to the tables of the store in `folder`, for writing.
[[nodiscard]] std::unique_ptr<profiles::sql::Database> tables_of(const std::string& folder);
/// Runs statements on them.
inline void change_tables(const std::string& folder, const std::string& sql) {
  tables_of(folder)->execute(sql);
}

}  // namespace pema::test

/// First in a test of what only registry.db has: `why` says what that is.
#define PEMA_REGISTRY_DB_ONLY(why) \
  if (pema::test::on_postgres()) GTEST_SKIP() << "of registry.db alone: " << (why)
