#include <algorithm>
#include <array>

#include "pema/error.h"
#include "pema/memory.h"
#include "src/memory/unit_vector.h"

namespace pema {
namespace {

/// An entry that may be among the k nearest.
struct Candidate {
  float distance;
  std::int64_t position;  ///< over all segments, in order
  std::int32_t token;

  bool operator<(const Candidate& other) const {
    return distance != other.distance ? distance < other.distance : position < other.position;
  }
};

/// Squared L2 distance of a [d] and b [d]. Not 2 - 2ab: that loses the small distances, which a
/// low temperature tells apart. The sum runs in 16 lanes, which are added in a fixed order, so
/// that it is vectorised and still the same on every call.
float squared_distance(const float* a, const float* b, std::int64_t d) {
  constexpr std::int64_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const float difference = a[i + lane] - b[i + lane];
      lanes[static_cast<std::size_t>(lane)] += difference * difference;
    }
  }
  float sum = 0;
  for (; i < d; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  for (const float lane : lanes) sum += lane;
  return std::min(sum, 4.0F);
}

/// The k smallest candidates so far, as a heap with the largest on top.
class Nearest {
 public:
  explicit Nearest(std::size_t k) : k_(k) { heap_.reserve(k); }

  void offer(const Candidate& candidate) {
    if (heap_.size() < k_) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end());
    } else if (candidate < heap_.front()) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = candidate;
      std::push_heap(heap_.begin(), heap_.end());
    }
  }

  /// Nearest first. Ends the collection.
  [[nodiscard]] std::vector<Neighbour> take() {
    std::sort_heap(heap_.begin(), heap_.end());
    std::vector<Neighbour> neighbours;
    neighbours.reserve(heap_.size());
    for (const Candidate& c : heap_) neighbours.push_back({c.distance, c.token});
    return neighbours;
  }

 private:
  std::size_t k_;
  std::vector<Candidate> heap_;
};

/// Entries of all segments. Throws when one is null or of another width than the query.
std::int64_t count_entries(std::span<const std::shared_ptr<const Segment>> segments,
                           std::span<const float> query) {
  std::int64_t entries = 0;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    PEMA_CHECK(segments[s] != nullptr, kInvalidArgument, "segment ", s, " of a recall is null");
    const SegmentInfo& info = segments[s]->info();
    PEMA_CHECK(info.hidden == static_cast<std::int64_t>(query.size()), kMismatch, "segment ", s,
               " (", segments[s]->digest().short_hex(), ") has keys of width ", info.hidden,
               ", the query has ", query.size(), "; read only segments that this base model made");
    entries += info.entries;
  }
  return entries;
}

}  // namespace

std::vector<Neighbour> recall(std::span<const std::shared_ptr<const Segment>> segments,
                              std::span<const float> query, std::int64_t k) {
  PEMA_CHECK(k >= 1, kInvalidArgument, "a recall needs at least 1 neighbour, not ", k);
  PEMA_CHECK(memory::is_unit(query), kInvalidArgument,
             "the query of a recall is no finite unit vector (its length is ", memory::norm(query),
             "); make it with make_recall_keys");
  const std::int64_t entries = count_entries(segments, query);
  if (entries == 0) return {};
  Nearest nearest(static_cast<std::size_t>(std::min(k, entries)));
  std::int64_t position = 0;
  for (const std::shared_ptr<const Segment>& segment : segments) {
    const MatrixView<const float> keys = segment->keys();
    for (std::int64_t i = 0; i < keys.rows; ++i, ++position) {
      nearest.offer({squared_distance(query.data(), keys.row(i), keys.cols), position,
                     segment->tokens()[static_cast<std::size_t>(i)]});
    }
  }
  return nearest.take();
}

}  // namespace pema
