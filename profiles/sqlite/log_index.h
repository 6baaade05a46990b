/// Which pages of a snapshot are in the log, asked of the log's index itself.
#pragma once

#include <cstdint>
#include <vector>

struct sqlite3_file;

namespace pema::profiles::sqlite {

/// What the log was when a read transaction began.
struct LogSnapshot {
  std::uint64_t salt = 0;    ///< changes whenever the log begins anew
  std::uint32_t frames = 0;  ///< the snapshot's: those up to here
  std::uint32_t moved = 0;   ///< frames up to here are in the database file
  std::uint32_t moving = 0;  ///< frames up to here may be there; at least `moved`
  bool file_alone = false;   ///< all of it is in the file, and the log may begin anew meanwhile
};

/// Reads the shared memory that SQLite has mapped for `registry.db-wal` (SQLite's "WAL-mode File
/// Format", 2: header, checkpoint counters, one hash table for each 4,096 frames) and never writes
/// to it. Answers hold while the log is `still` the same, which a snapshot sees to unless the file
/// alone has all of it.
/// Thread-safety: one thread at a time, as its connection.
class LogIndex {
 public:
  enum class Find : std::uint8_t { kThere, kNotThere, kUnknown };

  /// `file` is the database's; it must outlive the index.
  explicit LogIndex(sqlite3_file& file) noexcept : file_(file) {}

  /// The log's present state, from the first 32 KiB of its index.
  [[nodiscard]] static LogSnapshot present(const volatile void* first_region) noexcept;
  /// Whether the log has not begun anew since.
  [[nodiscard]] bool still(const LogSnapshot& log);
  /// The last of the frames first..last with this page. kUnknown when the index is damaged or not
  /// mapped.
  [[nodiscard]] Find find(std::uint32_t page, std::uint32_t first, std::uint32_t last,
                          std::uint32_t& frame);
  /// The page in a frame; 0 when it cannot be told.
  [[nodiscard]] std::uint32_t page_of(std::uint32_t frame);

 private:
  [[nodiscard]] const volatile std::uint32_t* region(std::uint32_t number);

  sqlite3_file& file_;
  std::vector<const volatile std::uint32_t*> regions_;  ///< they stay where they are
};

}  // namespace pema::profiles::sqlite
