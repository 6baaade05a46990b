/// Files that are either entirely there or not there at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pema::core {

/// A file that is written piece by piece to a temporary name in the same folder, or in another one
/// on the same file system. `commit` syncs it, renames it to its path and syncs the path's folder;
/// without that, or on any failure, the temporary file is removed and the path is as it was (only
/// when the folder's own sync fails is the new file already in place). Throws kDiskFull (ENOSPC,
/// EDQUOT, EFBIG) or kIo, naming the path and what to do. A program that runs under a file size
/// limit must ignore SIGXFSZ to get kDiskFull. Thread-safety: one thread at a time; several writers
/// of one path do not disturb one another (one wins).
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  AtomicFile(std::string path, const std::string& temporary_folder);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  /// Small pieces are gathered before they go to the system.
  void write(std::string_view text);
  /// Writes and syncs what there is, so that `commit` has little left to do; nothing may be written
  /// afterwards.
  void sync();
  /// May be called once; nothing may be written afterwards.
  void commit();

 private:
  void create(const std::string& temporary_folder);
  void flush();
  void write_now(std::span<const std::byte> bytes);

  std::string path_;
  std::string temporary_;  // empty once renamed
  std::string gathered_;
  int file_ = -1;
  bool synced_ = false;
};

/// Writes `pieces`, in order, as an AtomicFile. Thread-safety: reentrant, also for the same path.
void write_file_atomically(const std::string& path,
                           std::span<const std::span<const std::byte>> pieces);
/// The same for one piece.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);

/// Temporary names start with this; a process that was killed may leave one behind, and nobody ever
/// reads it.
inline constexpr std::string_view kTemporaryPrefix = ".pema-tmp-";

/// Deletes the temporary files in `folder` that nobody writes any more: those whose lock is free,
/// because their process is gone. Returns how many. Nothing when there is no such folder; what
/// cannot be examined or deleted stays. Thread-safety: reentrant, beside any number of writers.
std::int64_t sweep_temporary_files(const std::string& folder);

}  // namespace pema::core
