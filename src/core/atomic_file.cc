#include "src/core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <utility>

#include "pema/error.h"

namespace pema::core {
namespace {

[[noreturn]] void fail_errno(int error, const std::string& path, const char* doing) {
  const std::string reason = std::generic_category().message(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    fail(ErrorCode::kDiskFull, path, ": no space while ", doing, " (", reason,
         "); free some space or raise the quota or file size limit, then try again; nothing was "
         "changed");
  }
  fail(ErrorCode::kIo, path, ": ", doing, " failed (", reason,
       "); check that the folder exists and may be written to");
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// A new file under a temporary name; removed again unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path) : target_(path) {
    static std::atomic<std::uint64_t> next{0};
    const std::string prefix = message(folder_of(path), "/", kTemporaryPrefix, ::getpid(), "-");
    do {  // A killed process with our number may have left the name behind.
      name_ = prefix + std::to_string(next.fetch_add(1));
      fd_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd_ < 0 && (errno == EEXIST || errno == EINTR));
    if (fd_ < 0) fail_errno(errno, target_, "creating a temporary file beside it");
  }
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!renamed_) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_errno(errno, target_, "writing");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void sync_and_rename() {
    if (::fsync(fd_) != 0) fail_errno(errno, target_, "syncing");
    // Network file systems report a full quota here. The descriptor is gone even on failure.
    if (::close(std::exchange(fd_, -1)) != 0) fail_errno(errno, target_, "closing");
    if (::rename(name_.c_str(), target_.c_str()) != 0) fail_errno(errno, target_, "renaming");
    renamed_ = true;
  }

 private:
  std::string target_;
  std::string name_;
  int fd_ = -1;
  bool renamed_ = false;
};

void sync_folder(const std::string& path) {
  const int fd = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_errno(errno, path, "opening its folder");
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // EINVAL: this file system has no sync for folders and orders renames itself.
  if (error != 0 && error != EINVAL) fail_errno(error, path, "syncing its folder");
}

}  // namespace

void write_file_atomically(const std::string& path,
                           std::span<const std::span<const std::byte>> pieces) {
  TemporaryFile file(path);
  for (const std::span<const std::byte> piece : pieces) file.write(piece);
  file.sync_and_rename();
  sync_folder(path);
}

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, std::span(&bytes, 1));
}

}  // namespace pema::core
