// What is held, what it is worth, and who leaves. No function waits or calls anybody else's code.
#include <algorithm>

#include "src/memory/memory_state.h"

namespace pema::memory {
namespace {

// Items to draw one to evict from. With all of up to 64 looked at, small caches are exact; of more
// the one that leaves is among the least valuable 2 % in three of four cases.
constexpr std::size_t kDrawn = 64;
// A load is never free: a lookup, a system call.
constexpr double kLeastSeconds = 1e-5;

std::size_t mix(std::size_t a, std::size_t b) { return (a ^ (b + (a << 6U) + (a >> 2U))) * 31; }

}  // namespace

std::size_t KeyHash::operator()(const MemoryKey& key) const noexcept {
  const std::size_t small = static_cast<std::size_t>(key.kind) << 16U |
                            static_cast<std::size_t>(key.variant) << 8U |
                            static_cast<std::size_t>(key.on_device);
  return mix(mix(std::hash<Digest>{}(key.digest), std::hash<Digest>{}(key.detail)), small);
}

BookKeeping::BookKeeping(const MemoryOptions& options) : popularity(options.remembered) {
  rooms[0].budget = options.budget_bytes;
  rooms[1].budget = options.device_bytes;
}

double BookKeeping::worth(const MemoryKey& key, double seconds) const {
  return popularity.rate(KeyHash{}(key)) * (seconds + kLeastSeconds);
}

double BookKeeping::expected_seconds(const MemoryKey& key, std::int64_t bytes) const {
  const std::int64_t loaded = loaded_bytes_[static_cast<std::size_t>(key.kind)];
  if (loaded == 0) return 0;
  return stats.of(key.kind).load_seconds.sum * static_cast<double>(bytes) /
         static_cast<double>(loaded);
}

Item* BookKeeping::least_valuable(const Room& room) {
  const std::size_t count = room.idle.size();
  Item* least = nullptr;
  double least_density = 0;
  for (std::size_t i = 0; i < std::min(count, kDrawn); ++i) {
    Item* item = room.idle[count <= kDrawn ? i : next_draw(draw_) % count];
    const double bytes = static_cast<double>(std::max<std::int64_t>(item->loaded.bytes, 1));
    const double density = worth(item->key, item->seconds) / bytes;
    if (least == nullptr || density < least_density) {
      least = item;
      least_density = density;
    }
  }
  return least;
}

bool BookKeeping::reserve(const MemoryKey& key, std::int64_t bytes, double seconds, Claim claim,
                          Garbage& garbage) {
  Room& room = room_of(key);
  if (bytes > room.budget || room.held - room.idle_bytes + bytes > room.budget) return false;
  std::vector<Item*> leaving;
  std::int64_t freed = 0;
  double lost = 0;
  while (room.held - freed + bytes > room.budget) {
    Item* item = least_valuable(room);
    make_busy(*item);
    leaving.push_back(item);
    freed += item->loaded.bytes;
    lost += worth(item->key, item->seconds);
  }
  if (claim == Claim::kWhenWorthIt && lost > worth(key, seconds)) {
    for (Item* item : leaving) make_idle(*item);
    return false;
  }
  for (const Item* item : leaving) drop(items.at(item->key), EvictionCause::kRoom, garbage);
  room.held += bytes;
  return true;
}

void BookKeeping::book(const Item& item, std::int64_t sign) {
  const auto tier = static_cast<std::size_t>(item.loaded.tier);
  of(item.key.kind).bytes[tier] += sign * (item.loaded.bytes - item.loaded.code_bytes);
  of(MemoryKind::kSegmentCodes).bytes[tier] += sign * item.loaded.code_bytes;
  of(item.key.kind).items += sign;
}

void BookKeeping::keep(const std::shared_ptr<Item>& item) {
  item->pinned = pins.contains(item->key);
  items.emplace(item->key, item);
  ++of(item->key.kind).kept;
  book(*item, 1);
  sort_in(*item);
}

void BookKeeping::keep_erased(Item& item) {
  item.erased = true;
  ++of(item.key.kind).kept;
  ++of(item.key.kind).evictions[static_cast<std::size_t>(EvictionCause::kErased)];
  stats.erased_leased += item.loaded.bytes;
}

void BookKeeping::drop(const std::shared_ptr<Item>& item_in, EvictionCause cause,
                       Garbage& garbage) {
  const std::shared_ptr<Item> item = item_in;  // the map's own may be the argument
  make_busy(*item);
  item->erased = true;
  items.erase(item->key);
  ++of(item->key.kind).evictions[static_cast<std::size_t>(cause)];
  book(*item, -1);
  if (item->leases > 0) {
    stats.erased_leased += item->loaded.bytes;
    return;
  }
  room_of(item->key).held -= item->loaded.bytes;
  garbage.push_back(std::move(item->loaded.value));
}

void BookKeeping::sort_in(Item& item) {
  if (item.erased || item.unheld) return;
  if (item.leases == 0 && !item.pinned) {
    make_idle(item);
  } else {
    make_busy(item);
  }
}

void BookKeeping::make_idle(Item& item) {
  if (item.place != Item::kNowhere) return;
  Room& room = room_of(item.key);
  item.place = room.idle.size();
  room.idle.push_back(&item);
  room.idle_bytes += item.loaded.bytes;
}

void BookKeeping::make_busy(Item& item) {
  if (item.place == Item::kNowhere) return;
  Room& room = room_of(item.key);
  room.idle[item.place] = room.idle.back();
  room.idle[item.place]->place = item.place;
  room.idle.pop_back();
  room.idle_bytes -= item.loaded.bytes;
  item.place = Item::kNowhere;
}

void BookKeeping::lease(Item& item) {
  ++stats.leases;
  if (++item.leases > 1) return;
  if (item.unheld) {
    stats.unheld += item.loaded.bytes;
  } else {
    stats.leased += item.loaded.bytes;
  }
  sort_in(item);
}

void BookKeeping::release(const std::shared_ptr<Item>& item, Garbage& garbage) {
  --stats.leases;
  if (--item->leases > 0) return;
  if (item->unheld) {
    stats.unheld -= item->loaded.bytes;
    garbage.push_back(std::move(item->loaded.value));
    return;
  }
  stats.leased -= item->loaded.bytes;
  Room& room = room_of(item->key);
  if (item->erased) {
    stats.erased_leased -= item->loaded.bytes;
    room.held -= item->loaded.bytes;
    garbage.push_back(std::move(item->loaded.value));
    return;
  }
  sort_in(*item);
  if (room.held > room.budget) shrink(room, room.budget, garbage);
}

void BookKeeping::shrink(Room& room, std::int64_t bytes, Garbage& garbage) {
  while (room.held > bytes && !room.idle.empty()) {
    drop(items.at(least_valuable(room)->key), EvictionCause::kBudget, garbage);
  }
}

void BookKeeping::count_load(const MemoryKey& key, std::int64_t bytes, double seconds,
                             bool prefetched) {
  MemoryKindStats& kind = of(key.kind);
  ++(prefetched ? kind.prefetched : kind.loads);
  loaded_bytes_[static_cast<std::size_t>(key.kind)] += bytes;
  kind.load_seconds.sum += seconds;
  const auto bound =
      std::lower_bound(LoadHistogram::kBounds.begin(), LoadHistogram::kBounds.end(), seconds);
  ++kind.load_seconds.counts[static_cast<std::size_t>(bound - LoadHistogram::kBounds.begin())];
}

}  // namespace pema::memory
