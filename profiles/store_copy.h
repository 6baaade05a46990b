/// A copy of an open store in another folder: what a backup and a restore are made of.
#pragma once

#include <string>

#include "pema/backup.h"
#include "profiles/object_copy.h"
#include "profiles/registry.h"

namespace pema::profiles {

/// Makes `target`, a folder, a store like `source` at this moment: one read snapshot, under a lock
/// that keeps its objects from being deleted. Objects already in `target` are kept, those of
/// `previous` (a store's folder, or empty) get a second name, others are copied and checked on the
/// way. registry.db gets its name last, when everything else is synced: until then `target` is no
/// store, and a second call goes on with what is there. Throws as Store::backup.
CopySums copy_store(Registry& source, const std::string& target, const std::string& previous,
                    const BackupOptions& options);

/// Makes the registry of a copy that is complete the store's, when it is on the disk.
void name_registry(const std::string& target);

/// Name of the registry of a copy that is being made.
inline constexpr const char* kUnfinishedRegistry = "registry.db.unfinished";

}  // namespace pema::profiles
