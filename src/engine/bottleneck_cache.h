/// Composed bottlenecks and projections, least recently used first out, within a byte budget.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

#include "kernels/compose.h"
#include "kernels/int8_rows.h"
#include "pema/digest.h"
#include "pema/engine.h"
#include "pema/tensor_view.h"

namespace pema::engine {

/// A composed bottleneck, or a pool's projection, U^T = (W B)^T.
struct CacheEntry {
  kernels::Composed composed;           ///< empty in a projection
  Matrix<float> projection;             ///< [shared r + N r, V]; empty in a composed bottleneck
  kernels::Int8Matrix projection_int8;  ///< the same; one of the two is empty

  [[nodiscard]] std::int64_t bytes() const noexcept;
};

/// What an entry was made from. A zero mask digest means the projection of the whole pool.
struct CacheKey {
  Digest pool;
  Digest mask;
  bool operator==(const CacheKey&) const = default;
};

/// Thread-safety: one thread at a time. Entries handed out stay valid after eviction.
class BottleneckCache {
 public:
  /// Throws kInvalidArgument on a negative budget.
  explicit BottleneckCache(std::int64_t budget_bytes);

  /// The entry of `key`, made by `make` when it is not held. It is kept when it fits the budget
  /// alone; others leave, least recently used first, until it does.
  [[nodiscard]] std::shared_ptr<const CacheEntry> get(const CacheKey& key,
                                                      const std::function<CacheEntry()>& make);
  /// Whether `get` would find it. Changes neither counts nor the order of use.
  [[nodiscard]] bool holds(const CacheKey& key) const { return index_.contains(key); }
  [[nodiscard]] const CacheStats& stats() const noexcept { return stats_; }

 private:
  struct Held {
    CacheKey key;
    std::shared_ptr<const CacheEntry> entry;
  };
  struct KeyHash {
    std::size_t operator()(const CacheKey& key) const noexcept {
      return std::hash<Digest>{}(key.pool) * 31 + std::hash<Digest>{}(key.mask);
    }
  };

  std::int64_t budget_;
  CacheStats stats_;
  std::list<Held> order_;  // most recently used first
  std::unordered_map<CacheKey, std::list<Held>::iterator, KeyHash> index_;
};

}  // namespace pema::engine
