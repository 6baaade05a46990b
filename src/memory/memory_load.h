/// One load: room, the loader's call without the lock, and what becomes of the result.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "src/memory/memory_state.h"

namespace pema::memory {

using Lock = std::unique_lock<std::mutex>;

[[nodiscard]] std::shared_ptr<Item> make_item(const MemoryKey& key, LoadedMemory loaded,
                                              double seconds);

/// Into the budget where there is room and worth and `keep` says so, otherwise unheld; one lease.
void keep_or_serve(BookKeeping& books, const std::shared_ptr<Item>& item, bool keep,
                   Garbage& garbage);

/// Calls the loader and checks what it gives; the lock is not held. The second is the seconds.
/// Throws kInvalidArgument on a loader that gives nothing or lies, and what it throws.
[[nodiscard]] std::pair<LoadedMemory, double> load_now(const MemoryRequest& request);

/// The item with one lease, and one more for each thread that waited. `lock` is held before and
/// after. Throws what goes wrong, after telling those who wait: kOverBudget, kBusy, what the loader
/// throws.
[[nodiscard]] std::shared_ptr<Item> load_item(MemoryManager::State& state, Lock& lock,
                                              const MemoryRequest& request, Garbage& garbage);

/// One request of MemoryManager::prefetch; the count of MemoryPrefetch that it belongs to.
[[nodiscard]] std::int64_t MemoryPrefetch::*prefetch_one(MemoryManager::State& state,
                                                         const MemoryRequest& request);

/// MemoryManager::erase of every key that `wanted` says yes to.
[[nodiscard]] MemoryErasure erase_where(MemoryManager::State& state,
                                        const std::function<bool(const MemoryKey&)>& wanted);

}  // namespace pema::memory
