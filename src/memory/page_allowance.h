/// How much of mapped segments may be in memory at a time: whoever reads single keys of many
/// segments counts what that maps, and everything is let go of when it is too much.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
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

  /// Segment `number` is about to be read, and so many bytes of it mapped; where that is too much,
  /// all of `segments` (null: not held) are let go of. A reader that is still at work finds its
  /// pages again.
  void touch(std::span<const Segment* const> segments, std::int32_t number, std::int64_t bytes) {
    if (bytes_ <= 0) return;
    if (touched_.fetch_add(bytes) + bytes > bytes_) release(segments);
    touched_segments_[static_cast<std::size_t>(number)] = true;
  }

  void release(std::span<const Segment* const> segments) {
    touched_ = 0;
    for (std::size_t s = 0; s < touched_segments_.size(); ++s) {
      if (segments[s] != nullptr && touched_segments_[s].load(std::memory_order_relaxed) &&
          touched_segments_[s].exchange(false)) {
        segments[s]->release();
      }
    }
  }

  [[nodiscard]] bool limited() const noexcept { return bytes_ > 0; }

 private:
  std::int64_t bytes_;
  std::atomic<std::int64_t> touched_{0};
  std::vector<std::atomic<bool>> touched_segments_;
};

/// The segments that one search or build reads, and what it maps of them: the index's own, but
/// for those that a row brings along. Thread-safety: all of it.
class SeenPages {
 public:
  /// `held`: the index's segments, null where it has none. `seen`: null where no row sees one, or
  /// empty: those that are held are seen.
  SeenPages(PageAllowance& pages, std::span<const std::shared_ptr<const Segment>> held,
            std::span<const Segment* const> seen)
      : pages_(pages) {
    for (std::size_t s = 0; s < held.size(); ++s) {
      const Segment* const own = held[s].get();
      const bool brought = !seen.empty() && seen[s] != nullptr;
      segments_.push_back(brought ? seen[s] : own);
      if (pages.limited() && brought && seen[s] != own) strangers_.push_back(seen[s]);
    }
  }
  /// Lets go of segments that the index does not hold: it does not see them again.
  ~SeenPages() {
    for (const Segment* const segment : strangers_) segment->release();
  }
  SeenPages(const SeenPages&) = delete;
  SeenPages& operator=(const SeenPages&) = delete;

  [[nodiscard]] const Segment& segment(std::int32_t number) const {
    return *segments_[static_cast<std::size_t>(number)];
  }
  void touch(std::int32_t number, std::int64_t bytes) const {
    pages_.touch(segments_, number, bytes);
  }
  void release() const { pages_.release(segments_); }

 private:
  PageAllowance& pages_;
  std::vector<const Segment*> segments_;
  std::vector<const Segment*> strangers_;
};

}  // namespace pema::memory
