/// The pages of a read transaction without SQLite's cache: mapped, each compared with its seal
/// once.
///
/// The file's bytes change under a reader only when somebody moves frames of the log into it. That
/// never touches a page which an open snapshot reads from the file: frames move no further than the
/// oldest reader's, and a page with a frame in the snapshot is read from the log. So a page that
/// was compared stays good while the snapshot is held, and beyond it until a frame with that page
/// is moved, which the log's index tells page by page. When the log began anew in between, every
/// page is compared again (docs/decisions/0011-registry-scale.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "profiles/sqlite/database.h"
#include "profiles/sqlite/file_mapping.h"
#include "profiles/sqlite/log_index.h"
#include "profiles/sqlite/page_source.h"

namespace pema::profiles::sqlite {

/// A page is read and compared through the file's ordinary read when it is first needed, so an
/// unreadable sector, a damaged page or a file that was cut shorter is noticed there; the mapping
/// is touched only afterwards. What happens to the disk after that, or a file that is cut while its
/// snapshot is held, by a program that ignores SQLite's locks, is a SIGBUS as for any mapping.
/// Whatever cannot be had here is to be asked of SQLite. Thread-safety: as its database.
class SnapshotPages final : public PageSource {
 public:
  /// Maps at most so many bytes of the file; pages behind them are not had. `database` must outlive
  /// the pages and may not be renewed.
  SnapshotPages(Database& database, std::int64_t most_mapped_bytes);
  ~SnapshotPages() override;
  SnapshotPages(const SnapshotPages&) = delete;
  SnapshotPages& operator=(const SnapshotPages&) = delete;

  /// Takes up the read transaction that is open now and has read something.
  void begin();
  /// Before the transaction ends. What was copied is zeroed.
  void end() noexcept;

  [[nodiscard]] std::span<const std::byte> page(std::uint32_t number) override;
  [[nodiscard]] std::int64_t page_bytes() const noexcept { return page_bytes_; }
  /// Pages compared so far.
  [[nodiscard]] std::int64_t compared() const noexcept { return compared_; }

 private:
  static constexpr std::size_t kCopies = 64;

  /// A page of the log.
  struct Copy {
    std::uint32_t frame = 0;  ///< 0: none
    std::vector<std::byte> bytes;
  };

  void forget_moved(const LogSnapshot& log);
  void map(std::int64_t file_bytes);
  [[nodiscard]] bool compare(std::uint32_t number);
  [[nodiscard]] std::span<const std::byte> from_log(std::uint32_t frame);

  Database& database_;
  std::int64_t most_mapped_bytes_;
  std::int64_t page_bytes_;
  std::optional<LogIndex> index_;
  FileMapping mapping_;
  bool usable_ = false;
  std::uint32_t file_pages_ = 0;   ///< of the file that may be touched
  std::uint32_t first_frame_ = 1;  ///< of those that are to be looked for
  std::uint32_t last_frame_ = 0;
  std::uint64_t salt_ = 0;            ///< of the log that moved_ belongs to
  std::uint32_t moved_ = 0;           ///< frames that compared pages know of
  std::vector<std::uint64_t> good_;   ///< one bit for each page
  std::vector<std::byte> read_;       ///< room to compare a page in
  std::array<Copy, kCopies> copies_;  ///< by frame
  std::int64_t compared_ = 0;
};

}  // namespace pema::profiles::sqlite
