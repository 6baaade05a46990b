#include "profiles/sqlite/snapshot_pages.h"

#include <sqlite3.h>
#include <string.h>  // explicit_bzero

#include <algorithm>

#include "profiles/sqlite/sealed_file.h"

namespace pema::profiles::sqlite {
namespace {

constexpr std::int64_t kLogHeaderBytes = 32;
constexpr std::int64_t kFrameHeaderBytes = 24;
/// Addresses beyond the end of the file, for it to grow into before it is mapped anew.
constexpr std::int64_t kRoomBytes = std::int64_t{256} << 20;
constexpr std::int64_t kWordBits = 64;

void clean(std::vector<std::byte>& bytes) noexcept { explicit_bzero(bytes.data(), bytes.size()); }

}  // namespace

SnapshotPages::SnapshotPages(Database& database, std::int64_t most_mapped_bytes)
    : database_(database),
      most_mapped_bytes_(most_mapped_bytes),
      page_bytes_(database.integer("PRAGMA page_size")),
      read_(static_cast<std::size_t>(page_bytes_)) {
  sqlite3_file* const below = file_below(database.handle());
  if (below != nullptr && below->pMethods->iVersion >= 2) index_.emplace(*below);
}

SnapshotPages::~SnapshotPages() { end(); }

void SnapshotPages::begin() {
  usable_ = false;
  sqlite3_file* const below = file_below(database_.handle());
  sqlite3_int64 bytes = 0;
  if (most_mapped_bytes_ == 0 || below == nullptr ||
      below->pMethods->xFileSize(below, &bytes) != SQLITE_OK) {
    return;
  }
  first_frame_ = 1;
  last_frame_ = 0;
  if (database_.immutable()) {
    std::fill(good_.begin(), good_.end(), 0);  // nobody would tell what changed
  } else {
    const std::optional<LogSnapshot> log = log_snapshot(database_.handle());
    if (!log || !index_) return;
    forget_moved(*log);
    if (!log->file_alone) {
      first_frame_ = log->moved + 1;
      last_frame_ = log->frames;
    }
  }
  map(bytes);
  const auto reach = std::min<std::int64_t>(bytes, std::ssize(mapping_.bytes()));
  file_pages_ = static_cast<std::uint32_t>(reach / page_bytes_);
  usable_ = file_pages_ > 0;
}

void SnapshotPages::end() noexcept {
  usable_ = false;
  clean(read_);
  for (Copy& copy : copies_) {
    if (copy.frame != 0) clean(copy.bytes);
    copy.frame = 0;
  }
}

void SnapshotPages::forget_moved(const LogSnapshot& log) {
  bool known = log.salt == salt_ && log.moving >= moved_;
  for (std::uint32_t frame = moved_; known && frame < log.moving; ++frame) {
    const std::uint32_t page = index_->page_of(frame + 1);
    known = page != 0;
    if (page / kWordBits < good_.size()) {
      good_[page / kWordBits] &= ~(std::uint64_t{1} << page % kWordBits);
    }
  }
  if (!known || !index_->still(log)) std::fill(good_.begin(), good_.end(), 0);
  salt_ = log.salt;
  moved_ = log.moving;
}

void SnapshotPages::map(std::int64_t file_bytes) {
  const std::int64_t wanted = std::min(file_bytes, most_mapped_bytes_);
  if (wanted > std::ssize(mapping_.bytes())) {
    mapping_ = FileMapping(*file_below(database_.handle()),
                           std::min(file_bytes + kRoomBytes, most_mapped_bytes_));
  }
  good_.resize(static_cast<std::size_t>(wanted / page_bytes_ / kWordBits + 1));
}

bool SnapshotPages::compare(std::uint32_t number) {
  sqlite3_file* const file = sealed_file(database_.handle());
  if (file->pMethods->xRead(file, read_.data(), static_cast<int>(page_bytes_),
                            (std::int64_t{number} - 1) * page_bytes_) != SQLITE_OK) {
    return false;
  }
  ++compared_;
  good_[number / kWordBits] |= std::uint64_t{1} << number % kWordBits;
  return true;
}

std::span<const std::byte> SnapshotPages::from_log(std::uint32_t frame) {
  Copy& copy = copies_[frame % kCopies];
  if (copy.frame == frame) return copy.bytes;
  sqlite3_file* log = nullptr;
  if (sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) !=
          SQLITE_OK ||
      log == nullptr || log->pMethods == nullptr) {
    return {};
  }
  copy.frame = 0;
  copy.bytes.resize(static_cast<std::size_t>(page_bytes_));
  const std::int64_t offset = kLogHeaderBytes +
                              (std::int64_t{frame} - 1) * (page_bytes_ + kFrameHeaderBytes) +
                              kFrameHeaderBytes;
  if (log->pMethods->xRead(log, copy.bytes.data(), static_cast<int>(page_bytes_), offset) !=
      SQLITE_OK) {
    return {};
  }
  copy.frame = frame;
  return copy.bytes;
}

std::span<const std::byte> SnapshotPages::page(std::uint32_t number) {
  if (!usable_ || number == 0) return {};
  if (first_frame_ <= last_frame_) {
    std::uint32_t frame = 0;
    switch (index_->find(number, first_frame_, last_frame_, frame)) {
      case LogIndex::Find::kThere:
        return from_log(frame);
      case LogIndex::Find::kUnknown:
        return {};
      case LogIndex::Find::kNotThere:
        break;
    }
  }
  if (number > file_pages_) return {};
  const bool good = (good_[number / kWordBits] >> number % kWordBits & 1) != 0;
  if (!good && !compare(number)) return {};
  return mapping_.bytes().subspan((std::size_t{number} - 1) * static_cast<std::size_t>(page_bytes_),
                                  static_cast<std::size_t>(page_bytes_));
}

}  // namespace pema::profiles::sqlite
