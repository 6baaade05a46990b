/// What a MemoryManager and the leases on its items share.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pema/memory_manager.h"
#include "src/memory/popularity.h"

namespace pema::memory {

struct KeyHash {
  std::size_t operator()(const MemoryKey& key) const noexcept;
};

/// One loaded item; in the budget unless `unheld`.
struct Item {
  MemoryKey key;
  LoadedMemory loaded;
  double seconds = 0;  ///< to load it
  std::int64_t leases = 0;
  bool pinned = false;
  bool erased = false;
  bool unheld = false;
  std::size_t place = kNowhere;  ///< in Room::idle
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
};

/// A load that runs. Fields change under the lock; `done` is told by State::changed.
struct Pending {
  bool done = false;
  bool erased = false;
  std::int64_t waiting = 0;    ///< threads; each gets a lease when the load ends well
  std::shared_ptr<Item> item;  ///< null when it ended badly
  std::exception_ptr error;
};

/// A budget and what counts against it.
struct Room {
  std::int64_t budget = 0;
  std::int64_t held = 0;  ///< items, erased ones with leases too, and room reserved for loads
  std::int64_t idle_bytes = 0;
  std::vector<Item*> idle;  ///< held, neither leased nor pinned
};

/// What is destroyed when the lock is gone.
using Garbage = std::vector<std::shared_ptr<const void>>;

enum class Claim : std::uint8_t {
  kAlways,      ///< whatever may leave leaves
  kWhenWorthIt  ///< only what is worth less together than the newcomer leaves
};

/// The book-keeping. Every function wants `mutex` held.
struct BookKeeping {
  explicit BookKeeping(const MemoryOptions& options);

  [[nodiscard]] Room& room_of(const MemoryKey& key) { return rooms[key.on_device ? 1 : 0]; }
  [[nodiscard]] MemoryKindStats& of(MemoryKind kind) {
    return stats.kinds[static_cast<std::size_t>(kind)];
  }
  void touch(const MemoryKey& key) { popularity.touch(KeyHash{}(key)); }
  /// Seconds that keeping the item saves per request of any item.
  [[nodiscard]] double worth(const MemoryKey& key, double seconds) const;
  /// By what loads of the kind took per byte so far.
  [[nodiscard]] double expected_seconds(const MemoryKey& key, std::int64_t bytes) const;

  /// Adds `bytes` to Room::held, after evicting what stands in the way. False, and nothing changed,
  /// when leases, pins or (kWhenWorthIt) more valuable items do.
  [[nodiscard]] bool reserve(const MemoryKey& key, std::int64_t bytes, double seconds, Claim claim,
                             Garbage& garbage);
  void unreserve(const MemoryKey& key, std::int64_t bytes) { room_of(key).held -= bytes; }
  /// Into the map, its bytes being reserved already.
  void keep(const std::shared_ptr<Item>& item);
  /// Counts it as kept and erased at once; its bytes, reserved already, go with its last lease.
  void keep_erased(Item& item);
  /// Out of the map; its bytes are given back now, or when its last lease ends.
  void drop(const std::shared_ptr<Item>& item, EvictionCause cause, Garbage& garbage);
  void lease(Item& item);
  void release(const std::shared_ptr<Item>& item, Garbage& garbage);
  /// Evicts idle items until the room holds at most `bytes`.
  void shrink(Room& room, std::int64_t bytes, Garbage& garbage);
  void count_load(const MemoryKey& key, std::int64_t bytes, double seconds, bool prefetched);
  /// Puts an item among those that may leave, or takes it from there.
  void sort_in(Item& item);

  std::array<Room, 2> rooms;  ///< host, device
  std::unordered_map<MemoryKey, std::shared_ptr<Item>, KeyHash> items;
  std::unordered_map<MemoryKey, std::shared_ptr<Pending>, KeyHash> pending;
  std::unordered_map<MemoryKey, std::int64_t, KeyHash> pins;
  MemoryStats stats;  ///< bytes and budgets of the whole are filled in when asked for

 private:
  [[nodiscard]] Item* least_valuable(const Room& room);
  void make_idle(Item& item);
  void make_busy(Item& item);
  void book(const Item& item, std::int64_t sign);

  Popularity popularity;
  std::uint64_t draw_ = 88172645463325252U;
  std::array<std::int64_t, kMemoryKinds> loaded_bytes_{};
};

}  // namespace pema::memory

namespace pema {

struct MemoryManager::State {
  explicit State(const MemoryOptions& options) : patience(options.patience), books(options) {}

  /// A lease; the item's count has been raised already.
  [[nodiscard]] static std::shared_ptr<const void> handle(const std::shared_ptr<State>& state,
                                                          std::shared_ptr<memory::Item> item);
  void release(const std::shared_ptr<memory::Item>& item) noexcept;

  const std::chrono::milliseconds patience;
  mutable std::mutex mutex;
  std::condition_variable changed;  ///< a load ended, or bytes may leave
  memory::BookKeeping books;
};

}  // namespace pema
