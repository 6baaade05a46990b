/// Table `backup_folder`: where a store knows backups of itself to be.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pema/backup.h"
#include "profiles/registry.h"

namespace pema::profiles {

/// By path.
[[nodiscard]] std::vector<BackupFolder> read_backup_folders(sql::Database& database);
/// In the place of the row of its path. Expects a write transaction. Throws kInvalidArgument (a
/// path that is too long or not UTF-8).
void write_backup_folder(sql::Database& database, const BackupFolder& folder);
/// False when there is no row of that path. Expects a write transaction.
bool drop_backup_folder(sql::Database& database, std::string_view path);

/// What one backup has the store write down about its folder. Whatever keeps the store from it
/// (a full disk, a folder that cannot be written, a writer who holds the lock) does not keep
/// anybody from making the backup. Thread-safety: as its Registry.
class BackupNote {
 public:
  BackupNote(Registry& store, const std::string& folder);

  /// Before the first byte is copied: from here on the folder is known, also after a power cut.
  void begin();
  /// When the backup of time `newest` is complete, one of `backups`. Makes up for a `begin` that
  /// failed.
  void finish(const std::string& newest, std::int64_t backups);
  /// Why the last of the two failed; empty when it did not.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

 private:
  [[nodiscard]] bool known();
  void attempt(const std::function<void()>& action);
  void write(const BackupFolder& folder);

  Registry& store_;
  std::string path_;
  std::string failure_;
};

}  // namespace pema::profiles
