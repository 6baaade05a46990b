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

/// Pieces are gathered up to this size.
constexpr std::size_t kGathered = std::size_t{1} << 18;

void sync_folder(const std::string& path) {
  const int fd = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_errno(errno, path, "opening its folder");
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // EINVAL: this file system has no sync for folders and orders renames itself.
  if (error != 0 && error != EINVAL) fail_errno(error, path, "syncing its folder");
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  static std::atomic<std::uint64_t> next{0};
  const std::string prefix = message(folder_of(path_), "/", kTemporaryPrefix, ::getpid(), "-");
  do {  // A killed process with our number may have left the name behind.
    temporary_ = prefix + std::to_string(next.fetch_add(1));
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (file_ < 0 && (errno == EEXIST || errno == EINTR));
  if (file_ < 0) fail_errno(errno, path_, "creating a temporary file beside it");
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  PEMA_ASSERT(file_ >= 0);
  flush();
  write_now(bytes);
}

void AtomicFile::write(std::string_view text) {
  PEMA_ASSERT(file_ >= 0);
  gathered_ += text;
  if (gathered_.size() >= kGathered) flush();
}

void AtomicFile::commit() {
  PEMA_ASSERT(file_ >= 0);
  flush();
  if (::fsync(file_) != 0) fail_errno(errno, path_, "syncing");
  // Network file systems report a full quota here. The descriptor is gone even on failure.
  if (::close(std::exchange(file_, -1)) != 0) fail_errno(errno, path_, "closing");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno(errno, path_, "renaming");
  temporary_.clear();
  sync_folder(path_);
}

void AtomicFile::flush() {
  write_now(std::as_bytes(std::span(gathered_)));
  gathered_.clear();
}

void AtomicFile::write_now(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_errno(errno, path_, "writing");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void write_file_atomically(const std::string& path,
                           std::span<const std::span<const std::byte>> pieces) {
  AtomicFile file(path);
  for (const std::span<const std::byte> piece : pieces) file.write(piece);
  file.commit();
}

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, std::span(&bytes, 1));
}

}  // namespace pema::core
