/// A seeded run of mixed writing on a small store: what is killed, cut off and failed on purpose.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pema/store.h"

namespace pema::durability {

/// Step `i` of a script does the same to a store in the same state in every run: enrol, replace,
/// erase, enrol many at once, grow the pool, store a shared segment, append to it, merge it, take
/// an entry out of it, move a profile by a bundle, back up, or close and open the store again.
/// Thread-safety: one thread.
class StoreScript {
 public:
  /// `folder` will hold the store ("store"), its backups ("backups") and a bundle.
  StoreScript(std::string folder, std::uint64_t seed, Durability durability);

  [[nodiscard]] const std::string& store_folder() const noexcept { return store_; }
  [[nodiscard]] const std::string& backup_folder() const noexcept { return backups_; }

  /// Makes the store with its model and a first pool. Throws as Store::open.
  void create();
  /// Opens the store when it is not open. Throws as Store::open.
  Store& store();
  void close() { open_.reset(); }
  /// Does step `index`. Throws what the store throws.
  void perform(std::int64_t index);
  /// What step `index` does, for messages.
  [[nodiscard]] std::string name_of(std::int64_t index) const;
  /// Why the store could not note the backup that the last step made; empty when it did, and for
  /// other steps.
  [[nodiscard]] const std::string& unnoted() const noexcept { return unnoted_; }

 private:
  std::string folder_;
  std::string store_;
  std::string backups_;
  std::uint64_t seed_;
  StoreOptions options_;
  std::string unnoted_;
  std::optional<Store> open_;
};

/// Everything that a user can see of a store, without the numbers that failed calls may use up:
/// profiles, pools and segments with their digests, one line each.
[[nodiscard]] std::string describe(const Store& store);

/// What is wrong with a store that was left by a crash: opens it, verifies it fully and compares it
/// with `allowed` (describe); empty when all is well. `found` gets the index into `allowed`, and
/// `open_seconds` the time of Store::open.
[[nodiscard]] std::string check_store(const std::string& folder,
                                      const std::vector<std::string>& allowed, std::int64_t& found,
                                      double* open_seconds = nullptr);

/// Why `store`, left by a crash, would not look into `folder`, where its script made backups, for
/// somebody who is erased: it has a complete backup and the store knows of none; empty: it would.
[[nodiscard]] std::string check_note(const std::string& store, const std::string& folder);

/// check_store for every complete backup in `folder`, against the states in `allowed`.
[[nodiscard]] std::string check_backups(const std::string& folder,
                                        const std::vector<std::string>& allowed);

}  // namespace pema::durability
