#include "src/engine/bottleneck_cache.h"

#include <utility>

#include "pema/error.h"

namespace pema::engine {

std::int64_t CacheEntry::bytes() const noexcept {
  return composed.bytes() + projection_half.bytes() + projection_int8.bytes() + tiles.bytes() +
         (projection.rows() * projection.cols() + gram.rows() * gram.cols()) *
             static_cast<std::int64_t>(sizeof(float));
}

BottleneckCache::BottleneckCache(std::int64_t budget_bytes) : budget_(budget_bytes) {
  PEMA_CHECK(budget_bytes >= 0, kInvalidArgument, "cache_bytes is ", budget_bytes,
             "; it must not be negative, 0 keeps nothing");
}

std::shared_ptr<const CacheEntry> BottleneckCache::get(const CacheKey& key,
                                                       const std::function<CacheEntry()>& make) {
  std::shared_ptr<const CacheEntry> held = find(key);
  return held ? held : put(key, make());
}

std::shared_ptr<const CacheEntry> BottleneckCache::find(const CacheKey& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) {
    ++stats_.misses;
    return nullptr;
  }
  ++stats_.hits;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->entry;
}

std::shared_ptr<const CacheEntry> BottleneckCache::put(const CacheKey& key, CacheEntry made) {
  PEMA_ASSERT(!index_.contains(key));
  auto entry = std::make_shared<const CacheEntry>(std::move(made));
  const std::int64_t bytes = entry->bytes();
  if (bytes > budget_) {
    ++stats_.too_large;
    return entry;
  }
  while (stats_.bytes + bytes > budget_) {
    const Held& oldest = order_.back();
    stats_.bytes -= oldest.entry->bytes();
    ++stats_.evictions;
    index_.erase(oldest.key);
    order_.pop_back();
  }
  order_.push_front({key, entry});
  index_.emplace(key, order_.begin());
  stats_.bytes += bytes;
  stats_.entries = static_cast<std::int64_t>(order_.size());
  return entry;
}

}  // namespace pema::engine
