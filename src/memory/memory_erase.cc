#include <utility>

#include "src/memory/memory_load.h"

namespace pema::memory {

MemoryErasure erase_where(MemoryManager::State& state,
                          const std::function<bool(const MemoryKey&)>& wanted) {
  MemoryErasure result;
  Garbage garbage;
  const Lock lock(state.mutex);
  BookKeeping& books = state.books;
  // Whoever asks from now on loads anew: the load that runs may have read the old content.
  std::erase_if(books.pending, [&](auto& load) {
    if (!wanted(load.first)) return false;
    load.second->erased = true;
    return true;
  });
  std::vector<std::shared_ptr<Item>> found;
  for (const auto& [key, item] : books.items) {
    if (wanted(key)) found.push_back(item);
  }
  for (const std::shared_ptr<Item>& item : found) {
    ++result.items;
    (item->leases > 0 ? result.leased_bytes : result.bytes) += item->loaded.bytes;
    books.drop(item, EvictionCause::kErased, garbage);
  }
  state.changed.notify_all();
  return result;
}

}  // namespace pema::memory
