#include "src/core/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "pema/error.h"

namespace pema::core {
namespace {

int errno_of(int result) { return result == 0 ? 0 : errno; }

/// fsync of what `flags` opens.
int sync_path(const std::string& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno;
  const int error = errno_of(::fsync(file));
  ::close(file);
  return error;
}

std::atomic<FileSystem*>& replaced() noexcept {
  static std::atomic<FileSystem*> pointer{nullptr};
  return pointer;
}

}  // namespace

int FileSystem::create(const std::string& path, int& file) {
  file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return errno;
  // A sweep that met the file before its lock takes it for abandoned; the name is then used up.
  struct stat info {};
  const bool taken = ::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (taken || (::fstat(file, &info) == 0 && info.st_nlink == 0)) {
    ::close(file);
    file = -1;
    return EEXIST;
  }
  return 0;
}

int FileSystem::write(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

int FileSystem::sync(int file) { return errno_of(::fsync(file)); }

int FileSystem::close(int file) { return errno_of(::close(file)); }

int FileSystem::rename(const std::string& from, const std::string& to) {
  return errno_of(::rename(from.c_str(), to.c_str()));
}

int FileSystem::link(const std::string& from, const std::string& to) {
  return errno_of(::link(from.c_str(), to.c_str()));
}

int FileSystem::unlink(const std::string& path) { return errno_of(::unlink(path.c_str())); }

int FileSystem::make_folder(const std::string& path) {
  return errno_of(::mkdir(path.c_str(), 0777));
}

int FileSystem::remove_folder(const std::string& path) { return errno_of(::rmdir(path.c_str())); }

int FileSystem::sync_file(const std::string& path) { return sync_path(path, 0); }

int FileSystem::sync_folder(const std::string& path) {
  const int error = sync_path(path, O_DIRECTORY);
  return error == EINVAL ? 0 : error;
}

FileSystem& file_system() noexcept {
  static FileSystem own;
  FileSystem* const other = replaced().load(std::memory_order_acquire);
  return other != nullptr ? *other : own;
}

void replace_file_system(FileSystem* replacement) noexcept {
  replaced().store(replacement, std::memory_order_release);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void fail_file(int error, const std::string& path, const char* doing) {
  const std::string reason = std::generic_category().message(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    fail(ErrorCode::kDiskFull, path, ": no space while ", doing, " (", reason,
         "); free some space or raise the quota or file size limit, then try again; nothing was "
         "changed");
  }
  fail(ErrorCode::kIo, path, ": ", doing, " failed (", reason,
       "); check that the folder exists and may be written to");
}

}  // namespace pema::core
