/// keys.db: the data keys of an encrypted store, wrapped by its master key (docs/formats/keys.md).
/// Backups of the store leave it out: a key that is deleted here is gone from them all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/master_key.h"
#include "profiles/seal.h"
#include "profiles/sqlite/database.h"
#include "profiles/sqlite/transaction.h"

namespace pema::profiles {

/// Random; in registry.db and keys.db of one store.
using StoreMark = std::array<std::byte, 16>;

/// Thread-safety: one thread at a time, but for unwrap.
class KeyStore {
 public:
  /// Makes keys.db at `path`, in place of what an encryption that was cut short left there. The new
  /// store's mark.
  static StoreMark create(const std::string& path, const MasterKey& master);

  /// `master` may be null: keys can then only be dropped. Throws kLocked when it is not the one
  /// that wrapped the keys, kMismatch when keys.db is another store's.
  KeyStore(const std::string& path, OpenMode mode, const StoreMark& mark,
           std::shared_ptr<const MasterKey> master);

  [[nodiscard]] bool unlocked() const noexcept { return master_ != nullptr; }
  /// What stands for a name in registry.db. Throws kLocked.
  [[nodiscard]] std::string token(std::string_view name) const;
  /// A new key and its number; on the disk when the transaction that is open (see `begin`) ends.
  std::int64_t add(DataKey& key);
  /// Nothing when the key was dropped.
  [[nodiscard]] std::optional<DataKey> find(std::int64_t id);
  /// A key as it is stored, to be unwrapped later; empty when it was dropped.
  [[nodiscard]] std::vector<std::byte> find_wrapped(std::int64_t id);
  /// Thread-safe. Throws kLocked, kCorrupt.
  [[nodiscard]] DataKey unwrap(std::int64_t id, std::span<const std::byte> wrapped) const;
  /// Deletes keys, from the file and its log too. False when somebody who reads keeps the log.
  bool drop(std::span<const std::int64_t> ids);
  /// Wraps every key by `master`, all or none; the old one opens nothing from then on. The number
  /// of data keys.
  std::int64_t rotate(std::shared_ptr<const MasterKey> master);

  /// Several `add` in one transaction.
  [[nodiscard]] std::unique_ptr<sqlite::Transaction> begin() {
    return std::make_unique<sqlite::Transaction>(database_);
  }
  /// As Database::renew.
  void renew() { database_.renew(); }
  [[nodiscard]] const StoreMark& mark() const noexcept { return mark_; }

 private:
  [[nodiscard]] const MasterKey& master() const;
  void open_names();

  sqlite::Database database_;
  StoreMark mark_;
  std::shared_ptr<const MasterKey> master_;
  DataKey names_;
};

}  // namespace pema::profiles
