#include "src/engine/bottleneck_cache.h"

#include <array>
#include <utility>

#include "pema/error.h"
#include "pema/memory_manager.h"

namespace pema::engine {

namespace {

constexpr std::array kKinds = {MemoryKind::kComposed, MemoryKind::kProjection,
                               MemoryKind::kPoolCopy};

MemoryKey memory_key(const CacheKey& key) {
  return {kKinds[static_cast<std::size_t>(key.kind)], key.pool, key.mask, key.variant};
}

LoadedMemory loaded_memory(CacheEntry made) {
  LoadedMemory loaded;
  loaded.bytes = made.bytes();
  loaded.value = std::make_shared<const CacheEntry>(std::move(made));
  return loaded;
}

}  // namespace

std::int64_t CacheEntry::bytes() const noexcept {
  return composed.bytes() + projection_half.bytes() + projection_int8.bytes() + tiles.bytes() +
         (projection.rows() * projection.cols() + gram.rows() * gram.cols()) *
             static_cast<std::int64_t>(sizeof(float));
}

BottleneckCache::BottleneckCache(std::int64_t budget_bytes, std::shared_ptr<MemoryManager> memory)
    : memory_(std::move(memory)), budget_(budget_bytes) {
  PEMA_CHECK(budget_bytes >= 0, kInvalidArgument, "cache_bytes is ", budget_bytes,
             "; it must not be negative, 0 keeps nothing");
}

std::shared_ptr<const CacheEntry> BottleneckCache::get(const CacheKey& key,
                                                       const std::function<CacheEntry()>& make) {
  if (memory_) return get_shared(key, make);
  std::shared_ptr<const CacheEntry> held = find(key);
  return held ? held : put(key, make());
}

std::shared_ptr<const CacheEntry> BottleneckCache::get_shared(
    const CacheKey& key, const std::function<CacheEntry()>& make) {
  bool made = false;
  MemoryRequest request;
  request.key = memory_key(key);
  request.on_no_room = OnNoRoom::kServeUnheld;
  request.load = [&] {
    made = true;
    return loaded_memory(make());
  };
  auto entry = memory_->acquire_as<CacheEntry>(request);
  ++(made ? stats_.misses : stats_.hits);
  if (made && entry->bytes() > memory_->budget_bytes()) ++stats_.too_large;
  return entry;
}

std::shared_ptr<const CacheEntry> BottleneckCache::find(const CacheKey& key) {
  if (memory_) {
    auto held = std::static_pointer_cast<const CacheEntry>(memory_->find(memory_key(key)));
    ++(held ? stats_.hits : stats_.misses);
    if (!held) missed_ = std::chrono::steady_clock::now();
    return held;
  }
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
  if (memory_) {
    LoadedMemory loaded = loaded_memory(std::move(made));
    if (loaded.bytes > memory_->budget_bytes()) ++stats_.too_large;
    // From the miss on: entries that are made together share what they cost, which no clock
    // divides.
    loaded.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - missed_).count();
    return std::static_pointer_cast<const CacheEntry>(
        memory_->put(memory_key(key), std::move(loaded)));
  }
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

bool BottleneckCache::holds(const CacheKey& key) const {
  return memory_ ? memory_->holds(memory_key(key)) : index_.contains(key);
}

CacheStats BottleneckCache::stats() const {
  CacheStats stats = stats_;
  if (!memory_) return stats;
  const MemoryStats all = memory_->stats();
  for (const MemoryKind kind : kKinds) {
    stats.entries += all.of(kind).items;
    for (const std::int64_t bytes : all.of(kind).bytes) stats.bytes += bytes;
    for (const std::int64_t evictions : all.of(kind).evictions) stats.evictions += evictions;
  }
  return stats;
}

}  // namespace pema::engine
