// The public calls. What is destroyed (Garbage) is destroyed after the lock is let go of.
#include "pema/memory_manager.h"

#include <unordered_set>
#include <utility>

#include "pema/error.h"
#include "src/memory/memory_load.h"

namespace pema {

using memory::BookKeeping;
using memory::Claim;
using memory::Garbage;
using memory::Item;
using memory::Lock;
using memory::Pending;
using memory::Room;

namespace {

/// What a lease keeps alive.
struct Handle {
  Handle(std::shared_ptr<MemoryManager::State> state_in, std::shared_ptr<Item> item_in)
      : state(std::move(state_in)), item(std::move(item_in)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { state->release(item); }
  std::shared_ptr<MemoryManager::State> state;
  std::shared_ptr<Item> item;
};

void check(const MemoryOptions& options) {
  PEMA_CHECK(options.budget_bytes >= 0 && options.device_bytes >= 0 && options.remembered >= 1 &&
                 options.patience.count() >= 0,
             kInvalidArgument, "a memory manager of ", options.budget_bytes, " bytes, ",
             options.device_bytes, " on the device, ", options.remembered, " names and ",
             options.patience.count(),
             " ms of patience cannot be; none may be negative, names are 1 or more");
}

}  // namespace

std::shared_ptr<const void> MemoryManager::State::handle(const std::shared_ptr<State>& state,
                                                         std::shared_ptr<Item> item) {
  const void* value = item->loaded.value.get();
  auto handle = std::make_shared<const Handle>(state, std::move(item));
  return {std::move(handle), value};
}

void MemoryManager::State::release(const std::shared_ptr<Item>& item) noexcept {
  Garbage garbage;
  const Lock lock(mutex);
  books.release(item, garbage);
  changed.notify_all();
}

MemoryManager::MemoryManager(const MemoryOptions& options) {
  check(options);
  state_ = std::make_shared<State>(options);
}

MemoryManager::~MemoryManager() = default;

std::shared_ptr<const void> MemoryManager::acquire(const MemoryRequest& request) {
  Garbage garbage;
  Lock lock(state_->mutex);
  BookKeeping& books = state_->books;
  books.touch(request.key);
  MemoryKindStats& kind = books.of(request.key.kind);
  if (const auto held = books.items.find(request.key); held != books.items.end()) {
    ++kind.hits;
    books.lease(*held->second);
    return State::handle(state_, held->second);
  }
  ++kind.misses;
  const auto running = books.pending.find(request.key);
  if (running == books.pending.end()) {
    auto item = memory::load_item(*state_, lock, request, garbage);
    lock.unlock();
    return State::handle(state_, std::move(item));
  }
  ++kind.joined;
  const std::shared_ptr<Pending> load = running->second;
  ++load->waiting;
  state_->changed.wait(lock, [&] { return load->done; });
  if (load->error) std::rethrow_exception(load->error);
  return State::handle(state_, load->item);
}

std::shared_ptr<const void> MemoryManager::find(const MemoryKey& key) {
  const Lock lock(state_->mutex);
  BookKeeping& books = state_->books;
  books.touch(key);
  const auto held = books.items.find(key);
  if (held == books.items.end()) {
    ++books.of(key.kind).misses;
    return nullptr;
  }
  ++books.of(key.kind).hits;
  books.lease(*held->second);
  return State::handle(state_, held->second);
}

std::shared_ptr<const void> MemoryManager::put(const MemoryKey& key, LoadedMemory made) {
  const double seconds = made.seconds.value_or(0);
  PEMA_CHECK(made.value != nullptr && made.bytes >= 0, kInvalidArgument, "put of ",
             to_string(key.kind), " got ", made.value ? "" : "nothing and ", made.bytes, " bytes");
  Garbage garbage;
  const Lock lock(state_->mutex);
  BookKeeping& books = state_->books;
  if (const auto held = books.items.find(key); held != books.items.end()) {
    ++books.of(key.kind).joined;
    garbage.push_back(std::move(made.value));
    books.lease(*held->second);
    return State::handle(state_, held->second);
  }
  books.count_load(key, made.bytes, seconds, false);
  const std::shared_ptr<Item> item = memory::make_item(key, std::move(made), seconds);
  const bool alone = !books.pending.contains(key);  // a load of it that runs will keep its own
  memory::keep_or_serve(books, item, alone, garbage);
  return State::handle(state_, item);
}

bool MemoryManager::holds(const MemoryKey& key) const {
  const Lock lock(state_->mutex);
  return state_->books.items.contains(key);
}

MemoryPrefetch MemoryManager::prefetch(std::span<const MemoryRequest> requests) {
  MemoryPrefetch result;
  for (const MemoryRequest& request : requests) {
    ++(result.*memory::prefetch_one(*state_, request));
  }
  return result;
}

void MemoryManager::pin(const MemoryKey& key) {
  const Lock lock(state_->mutex);
  BookKeeping& books = state_->books;
  ++books.pins[key];
  if (const auto held = books.items.find(key); held != books.items.end()) {
    held->second->pinned = true;
    books.sort_in(*held->second);
  }
}

void MemoryManager::unpin(const MemoryKey& key) {
  Garbage garbage;
  const Lock lock(state_->mutex);
  BookKeeping& books = state_->books;
  const auto pin = books.pins.find(key);
  PEMA_CHECK(pin != books.pins.end(), kNotFound, "the ", to_string(key.kind), " ",
             key.digest.short_hex(), " is not pinned; pin and unpin come in pairs");
  if (--pin->second > 0) return;
  books.pins.erase(pin);
  if (const auto held = books.items.find(key); held != books.items.end()) {
    held->second->pinned = false;
    books.sort_in(*held->second);
  }
  Room& room = books.room_of(key);
  books.shrink(room, room.budget, garbage);
  state_->changed.notify_all();
}

MemoryErasure MemoryManager::erase(const MemoryKey& key) {
  return memory::erase_where(*state_, [&](const MemoryKey& other) { return other == key; });
}

MemoryErasure MemoryManager::erase(const Digest& digest) {
  return memory::erase_where(*state_, [&](const MemoryKey& other) {
    return other.digest == digest || other.detail == digest;
  });
}

MemoryErasure MemoryManager::erase(std::span<const Digest> digests) {
  const std::unordered_set<Digest> wanted(digests.begin(), digests.end());
  return memory::erase_where(*state_, [&](const MemoryKey& other) {
    return wanted.contains(other.digest) || wanted.contains(other.detail);
  });
}

void MemoryManager::trim(std::int64_t bytes) {
  Garbage garbage;
  const Lock lock(state_->mutex);
  state_->books.shrink(state_->books.rooms[0], bytes, garbage);
  state_->changed.notify_all();
}

void MemoryManager::set_budget(std::int64_t bytes) {
  PEMA_CHECK(bytes >= 0, kInvalidArgument, "a budget of ", bytes, " bytes cannot be");
  Garbage garbage;
  const Lock lock(state_->mutex);
  Room& room = state_->books.rooms[0];
  room.budget = bytes;
  state_->books.shrink(room, bytes, garbage);
  state_->changed.notify_all();
}

std::int64_t MemoryManager::budget_bytes() const {
  const Lock lock(state_->mutex);
  return state_->books.rooms[0].budget;
}

MemoryStats MemoryManager::stats() const {
  const Lock lock(state_->mutex);
  const BookKeeping& books = state_->books;
  MemoryStats stats = books.stats;
  stats.budget_bytes = books.rooms[0].budget;
  stats.device_bytes = books.rooms[1].budget;
  stats.host_held = books.rooms[0].held;
  stats.device_held = books.rooms[1].held;
  stats.pinned = std::ssize(books.pins);
  return stats;
}

}  // namespace pema
