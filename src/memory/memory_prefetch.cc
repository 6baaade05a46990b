#include <utility>

#include "pema/error.h"
#include "src/memory/memory_load.h"

namespace pema::memory {
namespace {

/// Reserves room for it where that pays, and lets everybody wait for the load.
std::int64_t MemoryPrefetch::*begin(BookKeeping& books, const MemoryRequest& request,
                                    const std::shared_ptr<Pending>& load, Garbage& garbage) {
  books.touch(request.key);
  if (books.items.contains(request.key) || books.pending.contains(request.key)) {
    return &MemoryPrefetch::held;
  }
  const double seconds = books.expected_seconds(request.key, request.bytes);
  if (!books.reserve(request.key, request.bytes, seconds, Claim::kWhenWorthIt, garbage)) {
    return &MemoryPrefetch::no_room;
  }
  books.pending.emplace(request.key, load);
  return nullptr;
}

}  // namespace

std::int64_t MemoryPrefetch::*prefetch_one(MemoryManager::State& state,
                                           const MemoryRequest& request) {
  BookKeeping& books = state.books;
  Garbage garbage;
  const auto load = std::make_shared<Pending>();
  Lock lock(state.mutex);
  if (auto outcome = begin(books, request, load, garbage)) return outcome;
  lock.unlock();
  std::int64_t MemoryPrefetch::*outcome = &MemoryPrefetch::failed;
  std::shared_ptr<Item> item;
  try {
    auto [loaded, seconds] = load_now(request);
    item = make_item(request.key, std::move(loaded), seconds);
  } catch (...) {  // whoever waits learns why; the announcer does not have to
    load->error = std::current_exception();
  }
  lock.lock();
  books.unreserve(request.key, request.bytes);
  if (item) {
    books.count_load(request.key, item->loaded.bytes, item->seconds, true);
    keep_or_serve(books, item, !load->erased, garbage);
    load->item = item;
    outcome = item->unheld ? &MemoryPrefetch::no_room : &MemoryPrefetch::loaded;
  }
  load->done = true;
  for (; item && load->waiting > 0; --load->waiting) books.lease(*item);
  if (item) books.release(item, garbage);
  const auto found = books.pending.find(request.key);
  if (found != books.pending.end() && found->second == load) books.pending.erase(found);
  state.changed.notify_all();
  return outcome;
}

}  // namespace pema::memory
