/// What is mapped already, by content, as long as somebody holds it.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "pema/digest.h"

namespace pema::core {

/// Thread-safety: any thread; nobody waits for another's load.
template <typename T>
class WeakShelf {
 public:
  /// What is held under `digest`, or what `load` gives. Loads of one thing by several threads at
  /// once all run; one result is kept and given to all.
  template <typename Load>
  std::shared_ptr<const T> get(const Digest& digest, const Load& load) {
    if (std::shared_ptr<const T> held = find(digest)) return held;
    std::shared_ptr<const T> loaded = load();
    const std::lock_guard lock(mutex_);
    std::weak_ptr<const T>& slot = shelf_[digest];
    if (std::shared_ptr<const T> faster = slot.lock()) return faster;
    slot = loaded;
    return loaded;
  }
  void forget(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    shelf_.erase(digest);
  }
  /// Forgets what nobody holds any more.
  void sweep() {
    const std::lock_guard lock(mutex_);
    std::erase_if(shelf_, [](const auto& item) { return item.second.expired(); });
  }

 private:
  std::shared_ptr<const T> find(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    const auto found = shelf_.find(digest);
    return found == shelf_.end() ? nullptr : found->second.lock();
  }
  std::mutex mutex_;
  std::map<Digest, std::weak_ptr<const T>> shelf_;
};

}  // namespace pema::core
