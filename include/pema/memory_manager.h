/// One budget in bytes over everything that serving keeps in memory: pools, projections, composed
/// bottlenecks, copies of pools, segments with their codes, indexes.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pema/digest.h"

namespace pema {

/// What an item is. Names in metrics: never rename.
enum class MemoryKind : std::uint8_t {
  kPool,
  kProjection,    ///< U of a pool
  kComposed,      ///< composed bottleneck of a mask
  kPoolCopy,      ///< a pool laid out to compose from
  kSegment,       ///< keys and tokens
  kSegmentCodes,  ///< what a segment's search makes of its keys; lives and leaves with the segment
  kIndex,
  kHead,  ///< the head as a device reads it
};
inline constexpr std::size_t kMemoryKinds = 8;
[[nodiscard]] std::string_view to_string(MemoryKind kind) noexcept;

/// Where the bytes of an item lie. Mapped files and RAM share the host's budget, because both
/// count as the process's resident memory; a device has a budget of its own.
enum class MemoryTier : std::uint8_t { kDisk, kRam, kDevice };
inline constexpr std::size_t kMemoryTiers = 3;
[[nodiscard]] std::string_view to_string(MemoryTier tier) noexcept;

/// Why an item left.
enum class EvictionCause : std::uint8_t {
  kRoom,    ///< for another item
  kBudget,  ///< set_budget or trim
  kErased,  ///< erase
};
inline constexpr std::size_t kEvictionCauses = 3;
[[nodiscard]] std::string_view to_string(EvictionCause cause) noexcept;

/// Names an item by what it is made from, never by a name that could come to mean something else.
struct MemoryKey {
  MemoryKind kind = MemoryKind::kPool;
  Digest digest;             ///< of the content, or of the pool that it is made from
  Digest detail = {};        ///< of the mask; zero where there is none
  std::uint8_t variant = 0;  ///< number type, where the same thing is kept in several
  bool on_device = false;
  bool operator==(const MemoryKey&) const = default;
};

/// What a loader gives.
struct LoadedMemory {
  std::shared_ptr<const void> value;
  std::int64_t bytes = 0;              ///< all of them, >= 0
  std::int64_t code_bytes = 0;         ///< those of `bytes` that are booked as kSegmentCodes
  MemoryTier tier = MemoryTier::kRam;  ///< kDevice exactly for keys with on_device
  std::optional<double> seconds = {};  ///< to load it again, where the loader knows better than the
                                       ///< clock around it
};

enum class OnNoRoom : std::uint8_t {
  kRefuse,       ///< an error; room is reserved before the load begins
  kServeUnheld,  ///< loaded and handed out, but not kept; also when what it would drive out is
                 ///< worth more
};

/// How to get one item.
struct MemoryRequest {
  MemoryKey key;
  std::int64_t bytes = 0;  ///< expected; 0: known only when it is loaded
  std::function<LoadedMemory()> load;
  OnNoRoom on_no_room = OnNoRoom::kRefuse;
};

struct MemoryOptions {
  std::int64_t budget_bytes = 0;  ///< of the host: mapped files and RAM
  std::int64_t device_bytes = 0;  ///< of the device
  /// How long an acquire waits for leases to end when they fill the budget.
  std::chrono::milliseconds patience{0};
  /// Items whose popularity is remembered, held or not: about 100 bytes each.
  std::int64_t remembered = std::int64_t{1} << 17;
};

/// Times of loads of one kind.
struct LoadHistogram {
  static constexpr std::array<double, 6> kBounds{1e-4, 1e-3, 1e-2, 1e-1, 1, 10};  ///< seconds
  std::array<std::int64_t, kBounds.size() + 1> counts{};  ///< of [.., bound]; the last is the rest
  double sum = 0;
};

/// Of one kind. requests = hits + misses; misses = loads + failed + joined + refused.
struct MemoryKindStats {
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t loads = 0;       ///< finished, `put` included
  std::int64_t failed = 0;      ///< the loader threw
  std::int64_t joined = 0;      ///< waited for somebody else's load, whatever came of it
  std::int64_t refused = 0;     ///< no room
  std::int64_t prefetched = 0;  ///< loads beside `loads`
  std::int64_t kept = 0;        ///< put into the budget
  std::int64_t unheld = 0;      ///< handed out but not kept
  std::array<std::int64_t, kEvictionCauses> evictions{};  ///< kept = items + all of these
  std::int64_t items = 0;                                 ///< held now
  std::array<std::int64_t, kMemoryTiers> bytes{};         ///< held now, by tier
  LoadHistogram load_seconds;
};

struct MemoryStats {
  std::int64_t budget_bytes = 0;
  std::int64_t device_bytes = 0;
  std::int64_t host_held = 0;      ///< bytes in the host's budget, those being loaded included
  std::int64_t device_held = 0;    ///< bytes in the device's budget
  std::int64_t leased = 0;         ///< bytes of both that leases keep from leaving
  std::int64_t pinned = 0;         ///< items
  std::int64_t leases = 0;         ///< handles that are out, unheld items' included
  std::int64_t erased_leased = 0;  ///< bytes that are erased, but leases keep; part of held
  std::int64_t unheld = 0;         ///< bytes handed out above the budget, as long as they are used
  std::array<MemoryKindStats, kMemoryKinds> kinds{};
  [[nodiscard]] const MemoryKindStats& of(MemoryKind kind) const {
    return kinds[static_cast<std::size_t>(kind)];
  }
};

/// One JSON object; keys are added, never renamed.
[[nodiscard]] std::string to_json(const MemoryStats& stats);
/// The same as Prometheus text, format 0.0.4. Labels are kind, tier and cause alone, so the number
/// of series is fixed.
[[nodiscard]] std::string to_prometheus(const MemoryStats& stats);

/// What erase found.
struct MemoryErasure {
  std::int64_t items = 0;         ///< that were held and are found no more
  std::int64_t bytes = 0;         ///< given back now
  std::int64_t leased_bytes = 0;  ///< given back when the last lease on them ends
};

/// What prefetch did; of each request one.
struct MemoryPrefetch {
  std::int64_t loaded = 0;
  std::int64_t held = 0;     ///< already, or somebody loads it
  std::int64_t no_room = 0;  ///< only more valuable or leased items stand in the way
  std::int64_t failed = 0;   ///< the next acquire says why
};

/// Keeps items within a budget. A handle is a lease: as long as it (or a copy) lives, its item
/// stays, whatever happens to the manager. Held bytes, with those of loads that have begun, are
/// never above the budget. Outside of it are only items served unheld (MemoryStats::unheld).
///
/// Who leaves: of 64 items drawn among those that nobody leases or pins, the one with the least
/// requests per second x seconds to load again / bytes (docs/decisions/0010-memory-manager.md).
///
/// Thread-safety: every function may be called from any thread; no lock is held while a loader or
/// an item's destructor runs. A loader may acquire other items, but not the one it loads.
class MemoryManager {
 public:
  /// Throws kInvalidArgument on negative sizes.
  explicit MemoryManager(const MemoryOptions& options);
  ~MemoryManager();
  MemoryManager(const MemoryManager&) = delete;
  MemoryManager& operator=(const MemoryManager&) = delete;

  /// The item, loaded when it is not held. Several threads that ask for one item load it once: the
  /// others wait, and get the same error if it fails; the next one to ask tries again.
  /// Throws kOverBudget when the item alone is larger than the budget; kBusy when leases and pins
  /// leave no room for it within `patience` (smaller items go ahead meanwhile); what the loader
  /// throws. OnNoRoom::kServeUnheld never throws the first two.
  [[nodiscard]] std::shared_ptr<const void> acquire(const MemoryRequest& request);
  template <typename T>
  [[nodiscard]] std::shared_ptr<const T> acquire_as(const MemoryRequest& request) {
    return std::static_pointer_cast<const T>(acquire(request));
  }
  /// The item when it is held, otherwise null. Counts as a request.
  [[nodiscard]] std::shared_ptr<const void> find(const MemoryKey& key);
  /// After a `find` that gave null: keeps what the caller made, as kServeUnheld does. When somebody
  /// else was faster, theirs.
  [[nodiscard]] std::shared_ptr<const void> put(const MemoryKey& key, LoadedMemory made);
  /// Changes no count and no popularity.
  [[nodiscard]] bool holds(const MemoryKey& key) const;

  /// Loads what is announced, in the caller's thread, into room that is free or less valuable.
  /// Leases nothing. Announcing counts as a request in the item's popularity.
  MemoryPrefetch prefetch(std::span<const MemoryRequest> requests);

  /// A pinned item never leaves to make room; it need not be held yet. Pins are counted.
  void pin(const MemoryKey& key);
  /// Throws kNotFound when it is not pinned.
  void unpin(const MemoryKey& key);

  /// Items of this key, or with this digest or detail in any kind and on any tier, are found no
  /// more, pinned or not; a load that runs is given to those who wait for it and then dropped.
  MemoryErasure erase(const MemoryKey& key);
  MemoryErasure erase(const Digest& digest);
  /// The same of several digests at once; what Store::on_erasure tells.
  MemoryErasure erase(std::span<const Digest> digests);

  /// Evicts until at most `bytes` are held on the host, as far as leases and pins let it.
  void trim(std::int64_t bytes);
  /// The host's budget from now on. When leases hold more, the rest leaves as they end.
  void set_budget(std::int64_t bytes);

  [[nodiscard]] std::int64_t budget_bytes() const;
  [[nodiscard]] MemoryStats stats() const;

  struct State;  ///< of the library's own files

 private:
  std::shared_ptr<State> state_;
};

/// The seam behind which a device's memory lies. Thread-safety: as the implementation says; the
/// manager calls it from whichever thread loads or drops an item.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  /// Throws kOverBudget when the device has no such room.
  [[nodiscard]] virtual void* allocate(std::int64_t bytes) = 0;
  virtual void copy_to_device(void* to, std::span<const std::byte> from) = 0;
  virtual void free(void* at) noexcept = 0;
};

/// Bytes on a device, freed with the object.
class DeviceCopy {
 public:
  /// Copies `from`. Throws as `device`.
  DeviceCopy(std::shared_ptr<DeviceMemory> device, std::span<const std::byte> from);
  ~DeviceCopy();
  DeviceCopy(const DeviceCopy&) = delete;
  DeviceCopy& operator=(const DeviceCopy&) = delete;
  [[nodiscard]] const void* data() const noexcept { return data_; }
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

 private:
  std::shared_ptr<DeviceMemory> device_;
  std::int64_t bytes_;
  void* data_;
};

/// A lease on the device's copy of what `host` loads; `bytes_of` says which bytes those are. The
/// host's item is leased while it is copied, and may leave afterwards. Throws as acquire.
[[nodiscard]] std::shared_ptr<const DeviceCopy> acquire_on_device(
    MemoryManager& manager, std::shared_ptr<DeviceMemory> device, const MemoryRequest& host,
    const std::function<std::span<const std::byte>(const void* value)>& bytes_of);

}  // namespace pema
