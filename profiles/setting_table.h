/// Table `setting`, each row read once.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>

#include "profiles/profile_row.h"
#include "profiles/sql/database.h"

namespace pema::profiles {

/// The settings of a database. What writes expects a transaction to be open. Thread-safety: one
/// thread at a time.
class SettingTable {
 public:
  /// Above so many settings, profiles that would need a new one say everything themselves: numbers
  /// stay within two bytes and the cache within megabytes.
  static constexpr std::int64_t kMost = 32'000;

  /// `database` must outlive the table.
  explicit SettingTable(sql::Database& database) : database_(database) {}

  /// Lives until the next call of a function of this class. Throws kCorrupt, naming `what`, when
  /// there is no such row.
  [[nodiscard]] const Setting& get(std::int64_t id, std::string_view what);
  /// Forgets what was read, so that damage is seen.
  void forget() noexcept { known_.clear(); }
  /// Number of settings.
  [[nodiscard]] std::int64_t count();
  /// Adds profiles to the row that equals `setting`, which is made where it is missing, and sets
  /// the setting's number. A number that is set already is taken for what it says while its row
  /// lives.
  void add_profiles(Setting& setting, std::int64_t profiles);
  /// Takes profiles away by setting number; settings that nobody has any more go.
  void drop_profiles(const std::map<std::int64_t, std::int64_t>& profiles);
  /// Counts the transactions that made or dropped settings: numbers that were learnt before are to
  /// be learnt anew, for the transaction may have been rolled back.
  [[nodiscard]] std::int64_t epoch() const noexcept { return epoch_; }

 private:
  [[nodiscard]] std::int64_t find(const Setting& setting);
  [[nodiscard]] std::int64_t insert(const Setting& setting);

  sql::Database& database_;
  std::unordered_map<std::int64_t, Setting> known_;
  bool unsure_ = false;  ///< some of known_ were made in a transaction that may not have lasted
  std::int64_t epoch_ = 0;
};

}  // namespace pema::profiles
