#include "src/data/atomic_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "pema/error.h"

namespace pema::data {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

[[noreturn]] void fail_errno(int error, const std::string& path, const char* what) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  fail(full ? ErrorCode::kDiskFull : ErrorCode::kIo, path, ": cannot ", what, ": ",
       std::strerror(error),
       full ? "; free some space or write to another disk" : "; check that the folder is writable");
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string temporary_name(const std::string& path) {
  static std::atomic<std::int64_t> counter{0};
  return message(path, ".tmp.", getpid(), ".", counter.fetch_add(1));
}

}  // namespace

AtomicStream::AtomicStream(std::string path)
    : path_(std::move(path)), temporary_(temporary_name(path_)) {
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) fail_errno(errno, path_, "create it");
}

AtomicStream::~AtomicStream() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) std::remove(temporary_.c_str());
}

void AtomicStream::write(std::string_view text) {
  PEMA_ASSERT(file_ >= 0);
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void AtomicStream::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_errno(errno, path_, "write it");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void AtomicStream::commit() {
  PEMA_ASSERT(file_ >= 0);
  flush();
  if (::fsync(file_) != 0) fail_errno(errno, path_, "sync it");
  const int file = std::exchange(file_, -1);
  if (::close(file) != 0) fail_errno(errno, path_, "close it");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno(errno, path_, "rename it");
  temporary_.clear();
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail_errno(errno, path_, "open its folder");
  const bool synced = ::fsync(folder) == 0 || errno == EINVAL;
  const int error = errno;
  ::close(folder);
  if (!synced) fail_errno(error, path_, "sync its folder");
}

}  // namespace pema::data
