/// The keys that may still be among the k nearest of one query, by bounds of their distances.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/near_key.h"

namespace pema::kernels {

/// A key that may be among the nearest: its distance is at least `lower`. `place` and `row` say
/// which key it is; the list does not read them.
struct KeyCandidate {
  float lower = 0;
  std::int32_t place = 0;
  std::int64_t row = 0;
};

/// What is known of one query after looking at some keys. Thread-safety: one thread at a time.
class KeyShortlist {
 public:
  /// Of the `count` nearest; distances above `ceiling` are known not to matter.
  explicit KeyShortlist(std::int64_t count, float ceiling = std::numeric_limits<float>::infinity())
      : count_(static_cast<std::size_t>(count)), ceiling_(ceiling) {}

  /// The k-th smallest upper bound so far: a key whose lower bound is above it cannot matter.
  [[nodiscard]] float worst() const noexcept {
    return uppers_.size() < count_ ? ceiling_ : std::min(ceiling_, uppers_.front());
  }

  /// `upper`: the distance is at most this.
  void offer(const KeyCandidate& candidate, float upper) {
    candidates_.push_back(candidate);
    if (uppers_.size() < count_) {
      uppers_.push_back(upper);
      std::push_heap(uppers_.begin(), uppers_.end());
    } else if (upper < uppers_.front()) {
      std::pop_heap(uppers_.begin(), uppers_.end());
      uppers_.back() = upper;
      std::push_heap(uppers_.begin(), uppers_.end());
    }
    if (candidates_.size() > limit_) shorten();
  }

  [[nodiscard]] const std::vector<KeyCandidate>& candidates() const noexcept { return candidates_; }

 private:
  // A list longer than this, and than eight times k, drops those that no longer matter.
  static constexpr std::size_t kLong = 2048;

  void shorten() {
    std::erase_if(candidates_, [&](const KeyCandidate& c) { return c.lower > worst(); });
    limit_ = std::max({limit_, 2 * candidates_.size(), 8 * count_});
  }

  std::size_t count_;
  float ceiling_;
  std::size_t limit_ = kLong;
  std::vector<float> uppers_;  // the largest on top
  std::vector<KeyCandidate> candidates_;
};

/// The `count` nearest of one query's candidates, nearest first. `compute` gives a candidate's
/// NearKey; it is asked for the most promising first, until none can matter.
template <typename Compute>
[[nodiscard]] std::vector<NearKey> nearest_candidates(std::vector<KeyCandidate> candidates,
                                                      std::int64_t count, const Compute& compute) {
  std::sort(candidates.begin(), candidates.end(),
            [](const KeyCandidate& a, const KeyCandidate& b) { return a.lower < b.lower; });
  std::vector<NearKey> heap;  // the last on top
  for (const KeyCandidate& candidate : candidates) {
    const bool full = std::ssize(heap) == count;
    if (full && candidate.lower > heap.front().distance) break;
    const NearKey key = compute(candidate);
    if (full && !nearer(key, heap.front())) continue;
    if (full) {
      std::pop_heap(heap.begin(), heap.end(), nearer);
      heap.pop_back();
    }
    heap.push_back(key);
    std::push_heap(heap.begin(), heap.end(), nearer);
  }
  std::sort_heap(heap.begin(), heap.end(), nearer);
  return heap;
}

}  // namespace pema::kernels
