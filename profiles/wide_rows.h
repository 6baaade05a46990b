/// Rows of `profile` made as wide as another version of their pool, many in one transaction.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "pema/store.h"
#include "profiles/profile_row.h"
#include "profiles/registry.h"

namespace pema::profiles {

/// A row of `profile`, as it is stored.
struct ProfileRow {
  std::int64_t id = 0;
  std::int64_t generation = 0;
  std::int64_t setting = 0;
  std::vector<std::byte> data;
};

/// Of the columns id, generation, setting, data.
[[nodiscard]] ProfileRow read_profile_row(const sql::Query& row);

/// Rows that one transaction brings to the pool `to`. Thread-safety: as the Registry.
class WideRows {
 public:
  /// `tell_masks`: `masks` is asked for.
  WideRows(Registry& registry, PoolRecord to, bool tell_masks);

  [[nodiscard]] const PoolRecord& to() const noexcept { return to_; }
  /// Before each transaction, also one that runs again.
  void clear();
  /// Widens a row that is over `from`; `name` is that of a named profile, for messages. False when
  /// it stays as it is: it is weighed by its pool's gate, and `to` has another one; an encrypted
  /// row then says its name. A row whose key was erased is left out. Throws kCorrupt, kLocked.
  [[nodiscard]] bool add(const ProfileRow& row, const PoolRecord& from, std::string& name);
  /// Writes the widened rows; expects a transaction. Throws kInvalidArgument as
  /// RetiredAdapters::require_pool.
  void store();
  /// Rows that were widened since `clear`.
  [[nodiscard]] std::int64_t size() const noexcept { return std::ssize(wide_); }
  /// Digests of the masks that they had before, each once.
  [[nodiscard]] std::vector<Digest> masks() const { return {masks_.begin(), masks_.end()}; }

 private:
  struct Change {
    Setting before;
    Setting after;
  };

  [[nodiscard]] const Change& change_of(std::int64_t setting, const std::string& what);
  void seal(const ProfileRow& row, const std::string& name, const std::string& what);

  Registry& registry_;
  PoolRecord to_;
  bool tell_masks_;
  std::unordered_map<std::int64_t, Change> changes_;  ///< by the number of the setting before
  std::vector<ProfileRow> wide_;                      ///< their settings are those before
  std::map<std::int64_t, std::int64_t> counts_;       ///< profiles by setting before
  std::set<Digest> masks_;
  std::vector<std::byte> data_;
  ProfileRecord record_;
};

}  // namespace pema::profiles
