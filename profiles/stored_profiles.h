/// Profiles found in the pages of registry.db without a statement.
#pragma once

#include <cstdint>
#include <string_view>

#include "profiles/resident_profiles.h"
#include "profiles/sqlite/row_tree.h"
#include "profiles/sqlite/snapshot_pages.h"

namespace pema::profiles {

/// Walks the trees of `profile_name` and `profile` in the open read transaction. What it cannot
/// tell (kUnknown: a damaged page, a row larger than a page, a name without a row, a file that is
/// not mapped) is to be asked of SQLite, which has the answer or the error. Thread-safety: as its
/// database.
class StoredProfiles {
 public:
  using Search = sqlite::RowSearch;

  /// Maps at most so many bytes of the file; 0: nothing is ever found here. `database` must outlive
  /// this and may not be renewed.
  StoredProfiles(sqlite::Database& database, std::int64_t most_mapped_bytes);

  /// Takes up the read transaction that is open now and has read something. Throws kCorrupt, kIo.
  void begin();
  /// Before the transaction ends.
  void end() noexcept;

  /// Fills `row`, whose name is `name` itself; its data lives until the next call.
  [[nodiscard]] Search find(std::string_view name, ResidentRow& row);
  /// The same by number; the name is left empty.
  [[nodiscard]] Search find(std::int64_t id, ResidentRow& row);

 private:
  [[nodiscard]] bool read_header();

  sqlite::Database& database_;
  sqlite::SnapshotPages pages_;
  bool known_ = false;        ///< the trees' roots are those of this snapshot
  std::uint64_t schema_ = 0;  ///< that the roots belong to: the file's count of changes to it
  sqlite::RowTree names_;
  sqlite::RowTree rows_;
};

}  // namespace pema::profiles
