#include "kernels/list_search.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "kernels/key_codes.h"
#include "kernels/key_shortlist.h"
#include "kernels/near_lists.h"

namespace pema::kernels {
namespace {

// Lists that a row searches alone and first, to learn how near a key must be.
constexpr std::int64_t kFirst = 6;

/// What is prepared of a row.
struct Prepared {
  std::vector<float> rotated;            // [d]
  std::vector<float> distance;           // [lists], squared, to the centroids
  std::vector<std::int32_t> order;       // [probes], nearest first
  float worst = 0;                       // after the first lists
  std::vector<KeyCandidate> candidates;  // of the first lists
};

/// True when every key between `near` and `far` of the centroid is beyond `worst` from a query that
/// is `length` away from it.
bool out_of_reach(float length, float near, float far, float worst) {
  const float gap = std::max({0.0F, length - far, near - length});
  return gap * gap > worst + kListSlack;
}

/// Squared, [lists].
std::vector<float> centroid_distances(const ListCodes& lists, const float* rotated_query) {
  std::vector<float> out(static_cast<std::size_t>(lists.lists()));
  for (std::int64_t list = 0; list < lists.lists(); ++list) {
    out[static_cast<std::size_t>(list)] =
        squared_distance(rotated_query, lists.centroid(list), lists.cols);
  }
  return out;
}

class ListSearch {
 public:
  ListSearch(const ListCodes& lists, std::span<const ListRow> rows, const KeyReader& read)
      : lists_(lists), rows_(rows), read_(read), prepared_(rows.size()) {}

  std::vector<std::vector<NearKey>> run(ThreadPool& pool, ListSearchCounts* counts) {
    each(pool, std::ssize(rows_), [&](std::size_t r) { prepare(r); });
    find_onlookers();
    const std::int64_t shares = pool.threads();
    const std::vector<std::int64_t> starts = share_out(shares);
    std::vector<std::vector<KeyShortlist>> found(static_cast<std::size_t>(shares));
    pool.run(shares, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto s = static_cast<std::size_t>(begin); s < static_cast<std::size_t>(end); ++s) {
        for (std::size_t r = 0; r < rows_.size(); ++r) {
          found[s].emplace_back(rows_[r].count, prepared_[r].worst);
        }
        for (std::int64_t list = starts[s]; list < starts[s + 1]; ++list) {
          look_at_list(list, onlookers_[static_cast<std::size_t>(list)], found[s]);
        }
      }
    });
    std::vector<std::vector<NearKey>> result(rows_.size());
    each(pool, std::ssize(rows_), [&](std::size_t r) { result[r] = nearest(r, found); });
    if (counts != nullptr) *counts = {looked_at_, computed_};
    return result;
  }

 private:
  template <typename Body>
  static void each(ThreadPool& pool, std::int64_t count, const Body& body) {
    pool.run(count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) body(static_cast<std::size_t>(i));
    });
  }

  void prepare(std::size_t r) {
    Prepared& row = prepared_[r];
    const auto probes = std::clamp<std::int64_t>(rows_[r].probes, 1, lists_.lists());
    row.rotated = rotated_copy(rows_[r].query, lists_.cols);
    row.distance = centroid_distances(lists_, row.rotated.data());
    row.order = nearest_lists(row.distance, probes);
    std::vector<KeyShortlist> found;
    found.emplace_back(rows_[r].count);
    const auto first = std::min<std::int64_t>(kFirst, probes);
    for (std::int64_t i = 0; i < first; ++i) {
      const std::int32_t list = row.order[static_cast<std::size_t>(i)];
      const std::int32_t only[] = {static_cast<std::int32_t>(r)};
      look_at_list(list, only, found);
    }
    row.worst = found.front().worst();
    row.candidates = found.front().candidates();
  }

  /// Rows that search each list after their first ones and for whom it is in reach.
  void find_onlookers() {
    onlookers_.resize(static_cast<std::size_t>(lists_.lists()));
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const Prepared& row = prepared_[r];
      for (std::size_t i = kFirst; i < row.order.size(); ++i) {
        const auto list = static_cast<std::size_t>(row.order[i]);
        const std::int64_t begin = lists_.list_start[list];
        const std::int64_t end = lists_.list_start[list + 1];
        if (begin == end) continue;
        const float near = lists_.lengths[static_cast<std::size_t>(begin * kBlock)];
        const float far = lists_.lengths[static_cast<std::size_t>(end * kBlock - 1)];
        if (out_of_reach(std::sqrt(row.distance[list]), near, far, row.worst)) continue;
        onlookers_[list].push_back(static_cast<std::int32_t>(r));
      }
    }
  }

  /// Where each thread's lists start, and the end: about the same blocks times rows for all.
  [[nodiscard]] std::vector<std::int64_t> share_out(std::int64_t shares) const {
    const auto cost = [&](std::size_t list) {
      return (lists_.list_start[list + 1] - lists_.list_start[list]) * std::ssize(onlookers_[list]);
    };
    std::int64_t total = 0;
    for (std::size_t list = 0; list < onlookers_.size(); ++list) total += cost(list);
    std::vector<std::int64_t> starts{0};
    std::int64_t done = 0;
    for (std::size_t list = 0; list < onlookers_.size(); ++list) {
      while (std::ssize(starts) < shares && done * shares >= std::ssize(starts) * total) {
        starts.push_back(static_cast<std::int64_t>(list));
      }
      done += cost(list);
    }
    while (std::ssize(starts) <= shares) starts.push_back(lists_.lists());
    return starts;
  }

  /// `found` has a shortlist for every row, or, for one onlooker, only that row's.
  void look_at_list(std::int64_t list, std::span<const std::int32_t> onlookers,
                    std::vector<KeyShortlist>& found) {
    if (onlookers.empty()) return;
    const bool alone = found.size() == 1;
    std::vector<ListQuery> queries(onlookers.size());
    for (std::size_t i = 0; i < onlookers.size(); ++i) {
      queries[i].set(prepared_[static_cast<std::size_t>(onlookers[i])].rotated.data(),
                     lists_.centroid(list), lists_.cols);
    }
    const auto at = static_cast<std::size_t>(list);
    std::int64_t looked_at = 0;
    for (std::int64_t block = lists_.list_start[at]; block < lists_.list_start[at + 1]; ++block) {
      const float near = lists_.lengths[static_cast<std::size_t>(block * kBlock)];
      const float far = lists_.lengths[static_cast<std::size_t>((block + 1) * kBlock - 1)];
      std::size_t some[kListQueries];
      std::int64_t count = 0;
      for (std::size_t i = 0; i < onlookers.size(); ++i) {
        const auto r = static_cast<std::size_t>(alone ? 0 : onlookers[i]);
        if (!out_of_reach(queries[i].length, near, far, found[r].worst())) some[count++] = i;
        if (count == kListQueries || (count > 0 && i + 1 == onlookers.size())) {
          look_at_block(block, onlookers, queries, {some, static_cast<std::size_t>(count)}, found);
          looked_at += count;
          count = 0;
        }
      }
    }
    looked_at_ += looked_at;
  }

  void look_at_block(std::int64_t block, std::span<const std::int32_t> onlookers,
                     const std::vector<ListQuery>& queries, std::span<const std::size_t> some,
                     std::vector<KeyShortlist>& found) const {
    const bool alone = found.size() == 1;
    const ListQuery* pointers[kListQueries] = {};
    float worst[kListQueries] = {};
    ListDistances distances[kListQueries];
    std::uint32_t interesting[kListQueries];
    for (std::size_t i = 0; i < some.size(); ++i) {
      pointers[i] = &queries[some[i]];
      worst[i] = found[static_cast<std::size_t>(alone ? 0 : onlookers[some[i]])].worst();
    }
    look_at_list_block(lists_, block, pointers, std::ssize(some), worst, distances, interesting);
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto r = static_cast<std::size_t>(onlookers[some[i]]);
      KeyShortlist& list = found[alone ? 0 : r];
      for (std::uint32_t left = interesting[i]; left != 0; left &= left - 1) {
        const auto key = static_cast<std::size_t>(std::countr_zero(left));
        const auto entry = static_cast<std::size_t>(block) * kBlock + key;
        const std::int32_t segment = lists_.segment[entry];
        if (segment < 0 || rows_[r].place[static_cast<std::size_t>(segment)] < 0) continue;
        const float lower = distances[i].lower[key];
        if (lower > list.worst()) continue;
        list.offer({lower, segment, lists_.row[entry]}, lower + distances[i].gap[key]);
      }
    }
  }

  [[nodiscard]] std::vector<NearKey> nearest(std::size_t r,
                                             const std::vector<std::vector<KeyShortlist>>& found) {
    std::vector<KeyCandidate> candidates = std::move(prepared_[r].candidates);
    for (const std::vector<KeyShortlist>& lists : found) {
      const auto& some = lists[r].candidates();
      candidates.insert(candidates.end(), some.begin(), some.end());
    }
    std::vector<float> buffer(static_cast<std::size_t>(lists_.cols));
    std::int64_t computed = 0;
    const auto compute = [&](const KeyCandidate& candidate) -> NearKey {
      ++computed;
      const auto row = static_cast<std::int32_t>(candidate.row);
      const float* const key = read_(candidate.place, row, buffer.data());
      return {squared_distance(rows_[r].query, key, lists_.cols),
              rows_[r].place[static_cast<std::size_t>(candidate.place)], row};
    };
    auto result = nearest_candidates(std::move(candidates), rows_[r].count, compute);
    computed_ += computed;
    return result;
  }

  static constexpr std::int64_t kBlock = ListCodes::kBlock;
  const ListCodes& lists_;
  std::span<const ListRow> rows_;
  const KeyReader& read_;
  std::vector<Prepared> prepared_;
  std::vector<std::vector<std::int32_t>> onlookers_;  // of each list
  std::atomic<std::int64_t> looked_at_{0};
  std::atomic<std::int64_t> computed_{0};
};

}  // namespace

std::vector<std::vector<NearKey>> nearest_in_lists(const ListCodes& lists,
                                                   std::span<const ListRow> rows,
                                                   const KeyReader& read, ThreadPool& pool,
                                                   ListSearchCounts* counts) {
  if (rows.empty() || lists.lists() == 0) return std::vector<std::vector<NearKey>>(rows.size());
  return ListSearch(lists, rows, read).run(pool, counts);
}

std::vector<std::int32_t> list_ranks(const ListCodes& lists, const float* query) {
  return ranks_of(centroid_distances(lists, rotated_copy(query, lists.cols).data()));
}

}  // namespace pema::kernels
