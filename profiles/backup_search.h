/// Backups looked through for somebody who was erased from their store.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pema/backup.h"
#include "pema/erasure.h"
#include "profiles/registry.h"

namespace pema::profiles {

/// One search for one name. Backups are only read, whatever their schema. Thread-safety: as its
/// Registry.
class BackupSearch {
 public:
  /// Both must outlive it. Nobody of this `name` is in `store` any more.
  BackupSearch(Registry& store, std::string_view name) : store_(store), name_(name) {}

  /// An entry for each backup in the folders `named` (or single stores) and in those that the store
  /// knows, in this order, each once however it is spelled; where none can be found, one for the
  /// folder. What cannot be looked through is an entry too, never an exception. Throws as
  /// read_backup_folders.
  [[nodiscard]] std::vector<ErasedPlace> run(const std::vector<std::string>& named);

 private:
  struct Folder {
    std::string path;    ///< absolute
    bool named = false;  ///< by whoever erases
    std::optional<BackupFolder> known = {};
  };

  [[nodiscard]] std::vector<Folder> gather(const std::vector<std::string>& named);
  void look_into(const Folder& folder);
  void look_into_store(const std::string& path);
  /// Says where she is in one store, if she is.
  [[nodiscard]] ErasedPlace find_in(const std::string& path);
  /// A backup that was begun, or whose deletion was.
  void add_incomplete(const Folder& folder, const std::string& path, const char* note);
  void add_unreachable(const Folder& folder, const std::string& path, const std::string& why);
  /// What an encrypted store's backups have of her, which is a question of her key alone.
  [[nodiscard]] ErasedPlace sealed(ErasedPlace entry, std::string note);

  Registry& store_;
  std::string_view name_;
  bool all_sealed_ = false;     ///< whatever backups of the store have of people
  std::set<std::string> seen_;  ///< entries
  std::vector<ErasedPlace> entries_;
};

}  // namespace pema::profiles
