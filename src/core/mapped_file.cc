#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "pema/error.h"
#include "src/core/object_file.h"

namespace pema::core {
namespace {

[[noreturn]] void fail_errno(int error, const std::string& path, const char* doing) {
  fail(error == ENOENT || error == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo, path, ": ",
       doing, " failed (", std::generic_category().message(error),
       "); check the path and the permissions");
}

/// Closes a descriptor; the mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail_errno(errno, path, "opening");
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) fail_errno(errno, path, "reading its size");
  PEMA_CHECK(S_ISREG(status.st_mode), kIo, path, ": is no regular file; name an object file");
  std::shared_ptr<MappedFile> mapped(new MappedFile);
  if (status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (data == MAP_FAILED) fail_errno(errno, path, "mapping");
    mapped->bytes_ = {static_cast<const std::byte*>(data), size};
  }
  return mapped;
}

void MappedFile::release() const noexcept {
  if (!bytes_.empty()) {
    (void)::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
  }
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace pema::core
