/// How much of mapped segments may be in memory at a time: whoever reads single keys of many
/// segments counts what that maps, and everything is let go of when it is too much.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "pema/memory.h"

namespace pema::memory {

/// Thread-safety: all of it.
class PageAllowance {
 public:
  /// A page fault maps this much around it, where the file is in the page cache.
  static constexpr std::int64_t kWindow = std::int64_t{64} << 10;

  /// Of `count` segments together. `bytes` 0: no limit, nothing is ever let go of.
  PageAllowance(std::size_t count, std::int64_t bytes)
      : bytes_(bytes), touched_segments_(bytes > 0 ? count : 0) {}

  /// Segment `number` of `segments` is about to be read, and so many bytes of it mapped. A reader
  /// that is still at work finds its pages again.
  void touch(const std::vector<std::shared_ptr<const Segment>>& segments, std::int32_t number,
             std::int64_t bytes) {
    if (bytes_ <= 0) return;
    if (touched_.fetch_add(bytes) + bytes > bytes_) release(segments);
    touched_segments_[static_cast<std::size_t>(number)] = true;
  }

  void release(const std::vector<std::shared_ptr<const Segment>>& segments) {
    touched_ = 0;
    for (std::size_t s = 0; s < touched_segments_.size(); ++s) {
      if (touched_segments_[s].load(std::memory_order_relaxed) &&
          touched_segments_[s].exchange(false)) {
        segments[s]->release();
      }
    }
  }

 private:
  std::int64_t bytes_;
  std::atomic<std::int64_t> touched_{0};
  std::vector<std::atomic<bool>> touched_segments_;
};

}  // namespace pema::memory
