#include "src/core/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

#include "pema/error.h"
#include "src/core/file_system.h"

namespace pema::core {
namespace {

/// Pieces are gathered up to this size.
constexpr std::size_t kGathered = std::size_t{1} << 18;

std::vector<std::string> temporary_files(const std::string& folder) {
  std::vector<std::string> paths;
  DIR* const entries = ::opendir(folder.c_str());
  if (entries == nullptr) return paths;
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name.starts_with(kTemporaryPrefix)) paths.push_back(message(folder, "/", name));
  }
  ::closedir(entries);
  return paths;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) { create(folder_of(path_)); }

AtomicFile::AtomicFile(std::string path, const std::string& temporary_folder)
    : path_(std::move(path)) {
  create(temporary_folder);
}

void AtomicFile::create(const std::string& temporary_folder) {
  static std::atomic<std::uint64_t> next{0};
  const std::string prefix = message(temporary_folder, "/", kTemporaryPrefix, ::getpid(), "-");
  int error = 0;
  do {  // A killed process with our number may have left the name behind.
    temporary_ = prefix + std::to_string(next.fetch_add(1));
    error = file_system().create(temporary_, file_);
  } while (error == EEXIST || error == EINTR);
  check_file(error, path_, "creating a temporary file for it");
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) static_cast<void>(file_system().close(file_));
  if (!temporary_.empty()) static_cast<void>(file_system().unlink(temporary_));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  PEMA_ASSERT(file_ >= 0 && !synced_);
  flush();
  write_now(bytes);
}

void AtomicFile::write(std::string_view text) {
  PEMA_ASSERT(file_ >= 0 && !synced_);
  gathered_ += text;
  if (gathered_.size() >= kGathered) flush();
}

void AtomicFile::sync() {
  PEMA_ASSERT(file_ >= 0);
  flush();
  check_file(file_system().sync(file_), path_, "syncing");
  synced_ = true;
}

void AtomicFile::commit() {
  PEMA_ASSERT(file_ >= 0);
  if (!synced_) sync();
  // The file is closed before it gets its name, because network file systems report a full quota
  // only then; a duplicate keeps the lock, so that no sweep takes the file away in between.
  const int lock = ::fcntl(file_, F_DUPFD_CLOEXEC, 0);
  if (lock < 0) fail_file(errno, path_, "duplicating its descriptor");
  int error = file_system().close(std::exchange(file_, -1));
  const char* doing = "closing";
  if (error == 0) {
    error = file_system().rename(temporary_, path_);
    doing = "renaming";
  }
  ::close(lock);
  check_file(error, path_, doing);
  temporary_.clear();
  check_file(file_system().sync_folder(folder_of(path_)), path_, "syncing its folder");
}

void AtomicFile::flush() {
  write_now(std::as_bytes(std::span(gathered_)));
  gathered_.clear();
}

void AtomicFile::write_now(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  check_file(file_system().write(file_, bytes), path_, "writing");
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

std::int64_t sweep_temporary_files(const std::string& folder) {
  std::int64_t swept = 0;
  for (const std::string& path : temporary_files(folder)) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0 && file_system().unlink(path) == 0) ++swept;
    ::close(file);
  }
  return swept;
}

}  // namespace pema::core
