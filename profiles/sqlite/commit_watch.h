/// Whether anybody has committed, without asking for a lock.
#pragma once

#include <array>
#include <cstdint>

#include "profiles/sqlite/database.h"

namespace pema::profiles::sqlite {

/// Looks at the first 48 bytes of the log's index, which every commit changes (SQLite's file format
/// document, "WAL-Index Format"), in the memory that SQLite itself has mapped. Where there is no
/// such memory it always says yes. Thread-safety: as its database.
class CommitWatch {
 public:
  /// `database` must outlive the watch.
  explicit CommitWatch(Database& database) : database_(database) {}

  /// Remembers the present. Call it before a snapshot is taken: a commit between the two is then
  /// reported although the snapshot has it, never the other way round.
  void remember();
  /// True when there was a commit since, or when it cannot be known. About 20 ns.
  [[nodiscard]] bool changed() const noexcept;

 private:
  using Header = std::array<std::uint64_t, 6>;
  [[nodiscard]] const volatile std::uint64_t* header() const noexcept;

  Database& database_;
  const volatile std::uint64_t* header_ = nullptr;
  Header seen_{};
};

}  // namespace pema::profiles::sqlite
