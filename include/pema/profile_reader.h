/// Reading profiles fast: many look-ups in one snapshot of the store.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "pema/store.h"

namespace pema {

struct ReaderOptions {
  /// Memory for profiles that were looked up, so that the next look-up of one costs a fraction of a
  /// microsecond; the least recently brought ones leave first. 0 keeps none.
  std::int64_t resident_bytes = std::int64_t{64} << 20;
  /// Looks profiles up in a mapping of at most so many bytes of registry.db instead of asking
  /// SQLite, which takes a quarter of the time. Each page is read and compared with its seal before
  /// it is used, once until somebody writes it. A sector that becomes unreadable after that is a
  /// SIGBUS, as it is for the objects, instead of an Error. 0 maps nothing.
  std::int64_t mapped_bytes = std::int64_t{1} << 40;
  /// Of an encrypted store, as StoreOptions::key; `Store::master_key` has it. Profiles are resident
  /// as they are stored there, encrypted: each look-up opens its own with the person's key.
  std::shared_ptr<const MasterKey> key = {};
  /// Of tables in PostgreSQL, where nothing tells that somebody has committed: how old a snapshot
  /// may be before it is taken to be stale. After `release` a resident profile is answered for so
  /// long without asking. 0: every look-up after `release` asks.
  std::int64_t fresh_milliseconds = 0;
};

struct ReaderStats {
  std::int64_t hits = 0;            ///< look-ups answered from memory
  std::int64_t misses = 0;          ///< look-ups that read the database
  std::int64_t mapped = 0;          ///< of those, the ones that needed no statement of SQLite
  std::int64_t refreshes = 0;       ///< snapshots taken
  std::int64_t dropped = 0;         ///< profiles forgotten because they had changed
  std::int64_t resident = 0;        ///< profiles in memory
  std::int64_t resident_bytes = 0;  ///< that they take, tables included
};

/// A view of a store's profiles as one commit left them, through a connection of its own: writers,
/// here or in other processes, neither wait for it nor change what it answers. Thread-safety: one
/// thread at a time; make one per thread. While one is in use, SQLite's log grows with what is
/// written beside it; `refresh` lets it be folded in. In PostgreSQL a snapshot that is lost with
/// its connection is taken anew.
class ProfileReader {
 public:
  /// Reads the store in `folder`, as it is when something is first looked up. Throws as Store::open
  /// with kReadOnly.
  [[nodiscard]] static ProfileReader open(const std::string& folder,
                                          const ReaderOptions& options = {});
  ~ProfileReader();
  ProfileReader(ProfileReader&&) noexcept;
  ProfileReader& operator=(ProfileReader&&) noexcept;
  ProfileReader(const ProfileReader&) = delete;
  ProfileReader& operator=(const ProfileReader&) = delete;

  /// Fills `record`, whose memory is used again; false when the snapshot has no such profile.
  /// Throws kCorrupt, kIo; kLocked when the store is encrypted and its key was not given.
  [[nodiscard]] bool find(std::string_view name, ProfileRecord& record);
  /// The same by number. `record.name` is left empty: the name is stored apart, under the name.
  [[nodiscard]] bool find(ProfileId id, ProfileRecord& record);

  /// Whether somebody has committed since the snapshot was taken, or none was yet; some 20 ns. May
  /// say so too often, never too seldom (in PostgreSQL: see ReaderOptions::fresh_milliseconds).
  [[nodiscard]] bool stale() const;
  /// Takes a new snapshot when this one is stale, and forgets the resident profiles that changed.
  /// False when there was nothing new. Throws kBusy, kIo, kCorrupt.
  bool refresh();
  /// Ends the snapshot, so that nothing is held up while nobody looks anything up; what is resident
  /// stays. The next look-up sees the present, as after refresh.
  void release();
  /// Reads profiles in the order of names into the resident memory until that is full; how many are
  /// there now. It takes snapshots as it goes, so that the log of whoever writes meanwhile can be
  /// folded in, forgets what changed, and ends with `release`.
  std::int64_t preload();

  [[nodiscard]] ReaderStats stats() const;

 private:
  struct Impl;
  explicit ProfileReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema
