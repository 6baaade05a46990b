#include "profiles/sqlite/file_mapping.h"

#include <sqlite3.h>
#include <sys/mman.h>

#include <utility>

namespace pema::profiles::sqlite {
namespace {

constexpr int kFirstBytes = 4096;
constexpr sqlite3_int64 kFirstLimit = 65'536;

}  // namespace

FileMapping::FileMapping(sqlite3_file& file, std::int64_t bytes) noexcept {
  const sqlite3_io_methods* const methods = file.pMethods;
  if (bytes <= 0 || methods == nullptr || methods->iVersion < 3 || methods->xFetch == nullptr) {
    return;
  }
  // SQLite maps the beginning, Linux makes another mapping of the same file from it (mremap with an
  // old size of 0), and SQLite's goes again: it would be made anew after each commit, and is never
  // larger than 2 GiB.
  sqlite3_int64 limit = kFirstLimit;
  methods->xFileControl(&file, SQLITE_FCNTL_MMAP_SIZE, &limit);
  void* first = nullptr;
  if (methods->xFetch(&file, 0, kFirstBytes, &first) == SQLITE_OK && first != nullptr) {
    const auto size = static_cast<std::size_t>(bytes);
    void* const whole = ::mremap(first, 0, size, MREMAP_MAYMOVE);
    if (whole != MAP_FAILED) bytes_ = {static_cast<const std::byte*>(whole), size};
    methods->xUnfetch(&file, 0, first);
  }
  methods->xFileControl(&file, SQLITE_FCNTL_MMAP_SIZE, &limit);  // what it was before
}

FileMapping::~FileMapping() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

FileMapping::FileMapping(FileMapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

FileMapping& FileMapping::operator=(FileMapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace pema::profiles::sqlite
