/// What lies in a folder of backups (docs/formats/backup.md), complete or not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pema::profiles {

/// Name of the backup that is being written, or was cut short.
inline constexpr const char* kUnfinishedBackup = "unfinished";

/// True for a name that a completed backup has: the time of its snapshot. Thread-safety: reentrant.
[[nodiscard]] bool is_backup_time(std::string_view name) noexcept;

enum class BackupState : std::uint8_t {
  kComplete,
  kUnfinished,  ///< being written, or cut short
  kRemains,     ///< what is left of one whose deletion was cut short
  kUnreadable,  ///< nobody may look into it
};

struct FoundBackup {
  std::string path;
  BackupState state = BackupState::kComplete;
  std::string why = {};  ///< it is unreadable
};

/// All of them, by path, which is by time. Other entries are passed over. Throws kNotFound (no such
/// folder), kIo (it cannot be listed). Thread-safety: reentrant.
[[nodiscard]] std::vector<FoundBackup> find_backups(const std::string& folder);

/// `folder` as the store writes it down: absolute, without a slash at its end; "." and ".." go
/// where it is there and leads to the same place without them. Links are not followed. Never
/// throws for what the file system says.
[[nodiscard]] std::string absolute_folder(const std::string& folder);

}  // namespace pema::profiles
