/// The system calls behind every file that must survive a crash, in one place that tests replace.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace pema::core {

/// What the operating system does for AtomicFile, the objects of a store and its backups. Every
/// call answers 0 or an errno and throws nothing of its own. Thread-safety: reentrant.
class FileSystem {
 public:
  FileSystem() = default;
  virtual ~FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  /// Creates `path`, which must not exist (EEXIST), for writing. The descriptor is locked (flock)
  /// until it and its duplicates are closed, also by the death of the process: see
  /// sweep_temporary_files.
  virtual int create(const std::string& path, int& file);
  /// Writes all of `bytes` at the end.
  virtual int write(int file, std::span<const std::byte> bytes);
  virtual int sync(int file);
  /// The descriptor is gone even when an errno comes back.
  virtual int close(int file);
  virtual int rename(const std::string& from, const std::string& to);
  /// A second name for a file (EXDEV across file systems).
  virtual int link(const std::string& from, const std::string& to);
  virtual int unlink(const std::string& path);
  virtual int make_folder(const std::string& path);
  virtual int remove_folder(const std::string& path);
  /// fsync of a file that is there already, whoever wrote it.
  virtual int sync_file(const std::string& path);
  /// fsync of a folder: its entries survive a power cut from then on. 0 where the file system has
  /// no such call and orders its entries itself.
  virtual int sync_folder(const std::string& path);
};

/// The one in use; the operating system's own unless a test replaced it.
[[nodiscard]] FileSystem& file_system() noexcept;

/// For tests: from now on everybody uses `replacement`, or again the operating system's own when it
/// is null. Nobody may be writing meanwhile.
void replace_file_system(FileSystem* replacement) noexcept;

/// Folder part of a path: "." without a slash.
[[nodiscard]] std::string folder_of(const std::string& path);

/// Throws the Error for `error` (an errno) while `doing` something with `path`: kDiskFull for
/// ENOSPC, EDQUOT and EFBIG, otherwise kIo, with the fix.
[[noreturn]] void fail_file(int error, const std::string& path, const char* doing);

/// Throws as fail_file unless `error` is 0.
inline void check_file(int error, const std::string& path, const char* doing) {
  if (error != 0) fail_file(error, path, doing);
}

}  // namespace pema::core
