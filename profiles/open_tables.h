/// Where a store's tables are, and opening them there.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pema/store.h"
#include "profiles/object_folder.h"
#include "profiles/sql/database.h"
#include "profiles/sqlite/database.h"

namespace pema::profiles {

struct OpenTables {
  std::unique_ptr<sql::Database> database;
  sqlite::Database* file = nullptr;  ///< the same, when it is registry.db; otherwise null
};

/// Opens registry.db, or the database that registry.url names, and brings it to the newest schema;
/// kCreate makes the folder and either. Throws as Store::open.
[[nodiscard]] OpenTables open_tables(const std::string& folder, OpenMode mode,
                                     const StoreOptions& options);

/// True when there is a store, wherever its tables are. Thread-safety: reentrant.
[[nodiscard]] bool store_is_in(const std::string& folder);

/// One maker of a store in a folder, whose objects/ is there, at a time; others wait for it. Throws
/// kBusy after five seconds, kIo.
class FolderClaim {
 public:
  explicit FolderClaim(const std::string& folder);

 private:
  std::optional<DeletionLock> lock_;
};

/// The names of a new store survive a power cut once this returns, whoever made its folders.
void sync_names(const std::string& folder);

/// Reserves `folder` for tables in the database `url`, which a later finish_address makes it a
/// store of: a crash on the way leaves something that is none and that the next call takes up. The
/// mark for the database. Only one at a time may do so. Throws kAlreadyExists, kInvalidArgument (a
/// password in it), kIo.
[[nodiscard]] Digest begin_address(const std::string& folder, const std::string& url);
void finish_address(const std::string& folder);

}  // namespace pema::profiles
