// What searching lists of int8 codes costs and finds, measured when they are built.
#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "src/memory/segment_index.h"
#include "src/memory/trial_rows.h"

namespace pema::memory {
namespace {

constexpr std::size_t kLevels = std::size(kRecallLevels);

}  // namespace

/// Searches with keys of the index as queries, each without itself: in which of a query's nearest
/// lists do its neighbours lie?
class IndexTrial {
 public:
  IndexTrial(const SegmentIndex& index, kernels::ThreadPool& pool)
      : index_(index), pool_(pool), queries_(kMeasuredRows, index.codes().cols) {
    const std::vector<std::size_t> places = find_lists();
    std::mt19937 random(2);
    for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
      const std::size_t self = places[random() % places.size()];
      selves_.push_back(self);
      index.copy_key(index.codes().segment[self], index.codes().row[self], queries_.row(q));
      ranks_.push_back(kernels::list_ranks(index.codes(), queries_.row(q)));
    }
  }

  /// Of rows that see `share` of the segments, for every level.
  void measure(double share, std::span<IndexMeasure> out) {
    see(share);
    const std::int64_t lists = index_.codes().lists();
    const auto [found, looked_at] = search(lists);
    out.back() = {lists, looked_at};
    const std::vector<std::int64_t> by_rank = count_by_rank(found);
    for (std::size_t level = 0; level + 1 < kLevels; ++level) {
      const std::int64_t probes = probes_for(kRecallLevels[level], by_rank);
      out[level] = {probes, search(probes).second};
    }
  }

 private:
  using Found = std::vector<std::vector<kernels::NearKey>>;

  /// Fills list_of_; places of the keys that are there.
  std::vector<std::size_t> find_lists() {
    const kernels::ListCodes& codes = index_.codes();
    for (const auto& segment : index_.segments()) {
      list_of_.emplace_back(static_cast<std::size_t>(segment->info().entries));
    }
    std::vector<std::size_t> places;
    for (std::int64_t list = 0; list < codes.lists(); ++list) {
      const auto at = static_cast<std::size_t>(list);
      for (std::int64_t p = codes.list_start[at] * kBlock; p < codes.list_start[at + 1] * kBlock;
           ++p) {
        const auto place = static_cast<std::size_t>(p);
        if (codes.segment[place] < 0) continue;
        places.push_back(place);
        list_of_[static_cast<std::size_t>(codes.segment[place])]
                [static_cast<std::size_t>(codes.row[place])] = static_cast<std::int32_t>(list);
      }
    }
    return places;
  }

  void see(double share) {
    seen_.assign(static_cast<std::size_t>(kMeasuredRows), {});
    for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
      for (std::int64_t number = 0; number < std::ssize(index_.segments()); ++number) {
        seen_[static_cast<std::size_t>(q)].push_back(
            sees(q, number, share) ? static_cast<std::int32_t>(number) : -1);
      }
    }
  }

  /// What is found in the nearest `probes` lists, and the keys looked at per row.
  std::pair<Found, double> search(std::int64_t probes) {
    std::vector<kernels::ListRow> rows;
    for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
      rows.push_back(
          {queries_.row(q), seen_[static_cast<std::size_t>(q)], kMeasuredNearest + 1, probes});
    }
    const auto read = [&](std::int32_t segment, std::int32_t row, float* buffer) {
      return index_.key(segment, row, buffer);
    };
    kernels::ListSearchCounts counts;
    Found found = kernels::nearest_in_lists(index_.codes(), rows, read, pool_, &counts);
    return {std::move(found), static_cast<double>(counts.looked_at * kBlock) / kMeasuredRows};
  }

  /// How many neighbours lie in a query's r-th nearest list.
  std::vector<std::int64_t> count_by_rank(const Found& found) const {
    const kernels::ListCodes& codes = index_.codes();
    std::vector<std::int64_t> by_rank(static_cast<std::size_t>(codes.lists()));
    for (std::size_t q = 0; q < found.size(); ++q) {
      for (const kernels::NearKey& near : found[q]) {
        if (near.place == codes.segment[selves_[q]] && near.row == codes.row[selves_[q]]) continue;
        const std::int32_t list =
            list_of_[static_cast<std::size_t>(near.place)][static_cast<std::size_t>(near.row)];
        ++by_rank[static_cast<std::size_t>(ranks_[q][static_cast<std::size_t>(list)])];
      }
    }
    return by_rank;
  }

  /// Half of the misses allowed: other queries may be farther from the keys than keys are.
  static std::int64_t probes_for(double recall, const std::vector<std::int64_t>& by_rank) {
    const std::int64_t all = std::accumulate(by_rank.begin(), by_rank.end(), std::int64_t{0});
    const double wanted = (1 - (1 - recall) / 2) * static_cast<double>(all);
    std::int64_t sum = 0;
    std::int64_t probes = 0;
    for (; probes < std::ssize(by_rank) && static_cast<double>(sum) < wanted; ++probes) {
      sum += by_rank[static_cast<std::size_t>(probes)];
    }
    return std::max<std::int64_t>(1, probes);
  }

  static constexpr std::int64_t kBlock = kernels::ListCodes::kBlock;
  const SegmentIndex& index_;
  kernels::ThreadPool& pool_;
  Matrix<float> queries_;
  std::vector<std::size_t> selves_;                 // [queries], places
  std::vector<std::vector<std::int32_t>> ranks_;    // [queries], of each list
  std::vector<std::vector<std::int32_t>> list_of_;  // of each key of each segment
  std::vector<std::vector<std::int32_t>> seen_;     // [queries], as ListRow::place
};

void SegmentIndex::measure_all(kernels::ThreadPool& pool, Progress* progress) {
  measures_.assign(std::size(kMeasuredShares) * kLevels, {codes_.lists(), 0});
  if (entries_ == 0) return;
  IndexTrial trial(*this, pool);
  for (std::size_t s = 0; s < std::size(kMeasuredShares); ++s) {
    checkpoint(progress, "recall", static_cast<std::int64_t>(s), std::ssize(kMeasuredShares),
               "shares");
    trial.measure(kMeasuredShares[s], std::span(measures_).subspan(s * kLevels, kLevels));
  }
  checkpoint(progress, "recall", std::ssize(kMeasuredShares), std::ssize(kMeasuredShares),
             "shares");
}

}  // namespace pema::memory
