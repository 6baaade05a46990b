#include "profiles/sqlite/commit_watch.h"

#include <sqlite3.h>

#include <atomic>

namespace pema::profiles::sqlite {
namespace {

constexpr int kRegionBytes = 32'768;

}  // namespace

void CommitWatch::remember() {
  if (header_ == nullptr) header_ = header();
  if (header_ == nullptr) return;
  for (std::size_t i = 0; i < seen_.size(); ++i) seen_[i] = header_[i];
  std::atomic_thread_fence(std::memory_order_acquire);
}

bool CommitWatch::changed() const noexcept {
  if (header_ == nullptr) return !database_.immutable();
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    if (seen_[i] != header_[i]) return true;
  }
  return false;
}

const volatile std::uint64_t* CommitWatch::header() const noexcept {
  sqlite3_file* file = nullptr;
  if (database_.immutable() ||
      sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file) !=
          SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr || file->pMethods->iVersion < 2) {
    return nullptr;
  }
  volatile void* region = nullptr;
  // The first region, never made here: it is there once the connection has read.
  if (file->pMethods->xShmMap(file, 0, kRegionBytes, 0, &region) != SQLITE_OK) return nullptr;
  return static_cast<const volatile std::uint64_t*>(region);
}

}  // namespace pema::profiles::sqlite
