/// Backups of a store while it is used, restoring them, and reading it through in the background.
///
/// A backup folder holds one complete store per backup, named by the UTC time of its snapshot
/// ("2026-11-27T03-15-22.123Z"), so that names sort by time; each can be opened, verified and
/// copied as any store. What several of them have in common is one file with several names (hard
/// links). The backup that is being written is called "unfinished" and has no registry.db until
/// everything else of it is on the disk: it cannot be taken for a whole one, and the next backup
/// goes on with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pema/progress.h"
#include "pema/store.h"

namespace pema {

struct BackupOptions {
  std::int64_t bytes_per_second =
      0;  ///< at most, read and written once each; 0: as fast as it goes
  /// Objects may be second names of the store's own files where both are on one file system: no
  /// bytes are copied, and damage of a file is damage of both.
  bool link_objects = false;
  std::int64_t keep = 0;         ///< older backups beyond so many are deleted; 0: none are
  Progress* progress = nullptr;  ///< also asked whether to stop
};

/// One complete backup.
struct BackupRecord {
  std::string path;                 ///< its folder, a store
  std::string time;                 ///< of the snapshot, UTC, as the folder is named
  std::int64_t registry_bytes = 0;  ///< of its registry.db
  std::int64_t objects = 0;         ///< files; 0 from list_backups, which does not count
  std::int64_t new_objects = 0;     ///< of them copied (or linked from the store) by this backup
  std::int64_t copied_bytes = 0;    ///< written by this backup, registry.db included
  std::string unnoted = {};         ///< why the store did not note it (BackupFolder); empty: it did
};

/// A folder of backups that a store knows, because one was made there: of this store, or of the one
/// that it was restored or copied from, since those backups hold the same people. Noted before the
/// first byte is copied and again when the backup is complete, so a crash in between leaves a
/// folder that is known and perhaps an older `newest`. Also by a store that was opened read-only,
/// through a connection of its own, unless its files cannot be written: the backup is made all the
/// same then, and says so (`unnoted`).
struct BackupFolder {
  std::string path;          ///< absolute, links not followed
  std::string newest = {};   ///< time of the newest backup made there; empty: none was completed
  std::int64_t backups = 0;  ///< complete ones in the folder, then
};

/// True when the folder is there and can be listed, and has a complete backup unless it never had
/// one: the empty folder in the place of a disk that is not mounted is not reachable.
[[nodiscard]] bool is_reachable(const BackupFolder& folder);

/// Complete backups in `folder`, oldest first; none when there is no such folder. Throws kIo.
[[nodiscard]] std::vector<BackupRecord> list_backups(const std::string& folder);

/// The newest backup in `folder` that is not younger than `time`, which is a backup's time or a
/// beginning of one ("2026-11-27", "2026-11-27T03:15": all of that day or minute counts); empty:
/// the newest. Throws kNotFound, saying what there is.
[[nodiscard]] BackupRecord find_backup(const std::string& folder, std::string_view time = {});

/// Makes a store in `folder`, which has none, from a backup (or any other store), checking every
/// byte. The store appears last: a restore that was cut short is no store, and the next one goes on
/// with it. Throws kAlreadyExists (move the old store away first), kNotFound, kCorrupt, kDiskFull,
/// kIo, kInterrupted. Thread-safety: one thread per folder.
void restore_backup(const std::string& backup, const std::string& folder,
                    const BackupOptions& options = {});

struct ScrubOptions {
  std::int64_t bytes_per_second = 0;  ///< at most; 0: as fast as it goes
  std::int64_t bytes = 0;             ///< stops after so many (and goes on there); 0: to the end
  Progress* progress = nullptr;       ///< also asked whether to stop
};

struct ScrubReport {
  std::int64_t objects = 0;  ///< read by this call
  std::int64_t bytes = 0;
  bool complete = false;        ///< a whole round ended
  std::int64_t unnamed = 0;     ///< files that no row names, left by killed writers: deleted
  std::vector<Damage> damages;  ///< found by this call
};

}  // namespace pema
