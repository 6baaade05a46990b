/// Composed bottlenecks and what they and personal logits are made from, least recently used first
/// out, within a byte budget.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

#include "kernels/compose.h"
#include "kernels/half_rows.h"
#include "kernels/int8_rows.h"
#include "pema/digest.h"
#include "pema/engine.h"
#include "pema/tensor_view.h"

namespace pema::engine {

/// One of: a composed bottleneck; a pool's projection U^T = (W B)^T [shared r + N r, V], in one of
/// three types; a copy of a pool to compose from. The rest is empty.
struct CacheEntry {
  kernels::Composed composed;
  Matrix<float> projection;
  kernels::HalfMatrix projection_half;  ///< float16 or bfloat16
  kernels::Int8Matrix projection_int8;
  Matrix<float> gram;  ///< beside a projection under a norm: of the up rows, [R, R]
  kernels::TiledPool tiles;

  [[nodiscard]] std::int64_t bytes() const noexcept;
};

enum class EntryKind : std::uint8_t { kComposed, kProjection, kTiles };

/// What an entry was made from. Projections and tiles are of the whole pool: their mask is zero.
struct CacheKey {
  EntryKind kind = EntryKind::kComposed;
  Digest pool;
  Digest mask = {};
  /// How it is kept, where one pool or mask may be kept in several ways. Engines that share a
  /// memory manager may differ in it.
  std::uint8_t variant = 0;
  bool operator==(const CacheKey&) const = default;
};

[[nodiscard]] inline std::uint8_t variant_of(NumberType type) noexcept {
  return static_cast<std::uint8_t>(type);
}

/// Thread-safety: one thread at a time. Entries handed out stay valid after eviction.
class BottleneckCache {
 public:
  /// Throws kInvalidArgument on a negative budget. With `memory` everything is kept there, and the
  /// budget is not used.
  explicit BottleneckCache(std::int64_t budget_bytes,
                           std::shared_ptr<MemoryManager> memory = nullptr);

  /// The entry of `key`, made by `make` when it is not held. It is kept when it fits the budget
  /// alone; others leave, least recently used first, until it does.
  [[nodiscard]] std::shared_ptr<const CacheEntry> get(const CacheKey& key,
                                                      const std::function<CacheEntry()>& make);
  /// get() in two halves, for entries that are made together. Null when `key` is not held.
  [[nodiscard]] std::shared_ptr<const CacheEntry> find(const CacheKey& key);
  /// After a find() that gave null.
  std::shared_ptr<const CacheEntry> put(const CacheKey& key, CacheEntry made);
  /// Whether `get` would find it. Changes neither counts nor the order of use.
  [[nodiscard]] bool holds(const CacheKey& key) const;
  [[nodiscard]] CacheStats stats() const;
  /// For those who fill entries, to count what they read and wrote.
  [[nodiscard]] CacheStats& counts() noexcept { return stats_; }

 private:
  struct Held {
    CacheKey key;
    std::shared_ptr<const CacheEntry> entry;
  };
  struct KeyHash {
    std::size_t operator()(const CacheKey& key) const noexcept {
      return (std::hash<Digest>{}(key.pool) * 31 + std::hash<Digest>{}(key.mask)) * 31 +
             static_cast<std::size_t>(key.kind) + 7 * key.variant;
    }
  };

  [[nodiscard]] std::shared_ptr<const CacheEntry> get_shared(
      const CacheKey& key, const std::function<CacheEntry()>& make);

  std::shared_ptr<MemoryManager> memory_;
  std::chrono::steady_clock::time_point missed_{};  ///< last find() that gave null
  std::int64_t budget_;
  CacheStats stats_;
  std::list<Held> order_;  // most recently used first
  std::unordered_map<CacheKey, std::list<Held>::iterator, KeyHash> index_;  // without memory_
};

}  // namespace pema::engine
