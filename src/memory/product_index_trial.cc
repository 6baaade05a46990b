#include "src/memory/product_index_trial.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <unordered_map>

#include "kernels/near_lists.h"
#include "kernels/product_list_search.h"
#include "src/memory/scan_in_pieces.h"
#include "src/memory/segment_index.h"
#include "src/memory/trial_rows.h"

namespace pema::memory {
namespace {

constexpr std::int64_t kBlock = kernels::ProductLists::kBlock;
// Of the misses that a wanted recall allows, what the trial may have: new queries lie farther from
// the keys than keys do, and missed 2.7 times as much in 300,000 keys.
constexpr double kAllowedMisses = 0.3;
// Finding out that nothing of a block is visible costs this part of reading its codes.
constexpr double kPassedBlock = 0.25;
constexpr std::size_t kLevels = std::size(kRecallLevels);

}  // namespace

class ProductIndexTrial {
 public:
  ProductIndexTrial(const SegmentIndex& index, std::span<const std::int32_t> list_of,
                    std::span<const std::int64_t> first, kernels::ThreadPool& pool,
                    Progress* progress)
      : index_(index),
        list_of_(list_of),
        first_(first),
        pool_(pool),
        progress_(progress),
        queries_(kMeasuredRows, index.lists().cols) {
    std::mt19937_64 random(3);
    for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
      const auto key =
          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(index.entries()));
      const auto segment = std::upper_bound(first.begin(), first.end(), key) - first.begin() - 1;
      selves_.push_back(key);
      index.copy_key(static_cast<std::int32_t>(segment),
                     static_cast<std::int32_t>(key - first[static_cast<std::size_t>(segment)]),
                     queries_.row(q));
      ranks_.push_back(
          kernels::ranks_of(kernels::list_distances(index.product(), queries_.row(q))));
    }
  }

  /// Of all shares; [kProductShares, kLevels].
  void measure(std::span<IndexMeasure> out) {
    scan();
    for (std::size_t s = 0; s < std::size(kProductShares); ++s) {
      checkpoint(progress_, "recall", static_cast<std::int64_t>(s + 1),
                 std::ssize(kProductShares) + 1, "shares");
      see(s);
      const std::int64_t all = std::accumulate(by_rank_.begin(), by_rank_.end(), std::int64_t{0});
      out[s * kLevels + kLevels - 1] = {index_.lists().lists(), 0, 0};
      for (std::size_t level = 0; level + 1 < kLevels; ++level) {
        out[s * kLevels + level] = measure(1 - kRecallLevels[level], all);
      }
    }
    checkpoint(progress_, "recall", std::ssize(kProductShares) + 1, std::ssize(kProductShares) + 1,
               "shares");
  }

 private:
  using Found = std::vector<std::vector<kernels::NearKey>>;

  /// The true nearest of all rows at all shares, in one pass over the segments.
  void scan() {
    checkpoint(progress_, "recall", 0, std::ssize(kProductShares) + 1, "shares");
    std::vector<Segments> seen;
    std::vector<std::vector<std::int32_t>> numbers;
    for (std::size_t s = 0; s < std::size(kProductShares); ++s) {
      for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
        seen.emplace_back();
        numbers.emplace_back();
        for (std::size_t n = 0; n < index_.segments().size(); ++n) {
          if (!sees(q, static_cast<std::int64_t>(n), kProductShares[s])) continue;
          seen.back().push_back(index_.segments()[n]);
          numbers.back().push_back(static_cast<std::int32_t>(n));
        }
      }
    }
    std::vector<SearchRow> rows;
    for (std::size_t r = 0; r < seen.size(); ++r) {
      const auto query = static_cast<std::int64_t>(r) % kMeasuredRows;
      rows.push_back({seen[r], queries_.view().row_span(query), kMeasuredNearest + 1});
    }
    const std::int64_t limit = index_.scanned_at_once();
    truth_ = limit > 0 ? scan_in_pieces(rows, pool_, limit) : search_places(rows, pool_);
    for (std::size_t r = 0; r < truth_.size(); ++r) {
      for (kernels::NearKey& key : truth_[r]) {
        key.place = numbers[r][static_cast<std::size_t>(key.place)];
      }
    }
  }

  [[nodiscard]] std::int64_t number(std::int32_t segment, std::int64_t row) const {
    return first_[static_cast<std::size_t>(segment)] + row;
  }

  /// Prepares for share number `s`.
  void see(std::size_t s) {
    seen_.assign(static_cast<std::size_t>(kMeasuredRows), {});
    wanted_.assign(static_cast<std::size_t>(kMeasuredRows), {});
    by_rank_.assign(static_cast<std::size_t>(index_.lists().lists()), 0);
    for (std::size_t q = 0; q < static_cast<std::size_t>(kMeasuredRows); ++q) {
      for (std::size_t n = 0; n < index_.segments().size(); ++n) {
        const bool seen =
            sees(static_cast<std::int64_t>(q), static_cast<std::int64_t>(n), kProductShares[s]);
        seen_[q].push_back(seen ? static_cast<std::int32_t>(n) : -1);
      }
      for (const kernels::NearKey& near : truth_[s * static_cast<std::size_t>(kMeasuredRows) + q]) {
        const std::int64_t key = number(near.place, near.row);
        if (key == selves_[q]) continue;
        wanted_[q].push_back(key);
        const std::int32_t list = list_of_[static_cast<std::size_t>(key)];
        ++by_rank_[static_cast<std::size_t>(ranks_[q][static_cast<std::size_t>(list)])];
      }
      std::sort(wanted_[q].begin(), wanted_[q].end());
    }
  }

  /// `missed` is what the wanted recall allows. Half of what the trial may have of it goes to lists
  /// that are not searched, then the shortlist is as long as it takes.
  [[nodiscard]] IndexMeasure measure(double missed, std::int64_t all) {
    std::int64_t sum = 0;
    std::int64_t probes = 0;
    while (probes < std::ssize(by_rank_) &&
           static_cast<double>(sum) <
               (1 - kAllowedMisses / 2 * missed) * static_cast<double>(all)) {
      sum += by_rank_[static_cast<std::size_t>(probes++)];
    }
    IndexMeasure measured{std::max<std::int64_t>(1, probes), 0, 0};
    std::vector<kernels::ListRow> rows;
    for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
      rows.push_back({queries_.row(q), seen_[static_cast<std::size_t>(q)], kMeasuredNearest,
                      measured.probes, kLongestShortlist});
    }
    kernels::FirstLookCounts counts;
    const auto found = kernels::shortlists(index_.product(), rows, pool_, &counts);
    measured.looked_at = static_cast<double>(kBlock) / kMeasuredRows *
                         (static_cast<double>(counts.looked_at) +
                          kPassedBlock * static_cast<double>(counts.visited - counts.looked_at));
    const std::vector<std::int64_t> at = count_by_place(found);
    sum = 0;
    for (std::int64_t length = 1; length <= kLongestShortlist; ++length) {
      sum += at[static_cast<std::size_t>(length - 1)];
      if (static_cast<double>(sum) < (1 - kAllowedMisses * missed) * static_cast<double>(all))
        continue;
      measured.shortlist = std::max(length, kMeasuredNearest);
      break;
    }
    return measured;
  }

  /// How many of the true nearest stand at each place of the shortlists.
  [[nodiscard]] std::vector<std::int64_t> count_by_place(
      const std::vector<std::vector<kernels::ListedKey>>& found) const {
    std::vector<std::int64_t> at(static_cast<std::size_t>(kLongestShortlist));
    for (std::size_t q = 0; q < found.size(); ++q) {
      for (std::size_t i = 0; i < found[q].size(); ++i) {
        const auto place = static_cast<std::size_t>(found[q][i].place);
        const std::int64_t key = number(index_.lists().segment[place], index_.lists().row[place]);
        at[i] += std::binary_search(wanted_[q].begin(), wanted_[q].end(), key) ? 1 : 0;
      }
    }
    return at;
  }

  const SegmentIndex& index_;
  std::span<const std::int32_t> list_of_;
  std::span<const std::int64_t> first_;
  kernels::ThreadPool& pool_;
  Progress* progress_;
  Matrix<float> queries_;
  std::vector<std::int64_t> selves_;              // [queries], keys
  std::vector<std::vector<std::int32_t>> ranks_;  // [queries], of each list
  Found truth_;                                  // [shares, queries]; place is the segment's number
  std::vector<std::vector<std::int32_t>> seen_;  // [queries], as ListRow::place
  std::vector<std::vector<std::int64_t>> wanted_;  // [queries], keys, rising
  std::vector<std::int64_t> by_rank_;  // of the lists, nearest first: true nearest in them
};

void measure_product(const SegmentIndex& index, std::vector<IndexMeasure>& measures,
                     std::span<const std::int32_t> list_of, std::span<const std::int64_t> first,
                     kernels::ThreadPool& pool, Progress* progress) {
  measures.assign(std::size(kProductShares) * kLevels, {index.lists().lists(), 0, 0});
  if (index.entries() == 0) return;
  ProductIndexTrial(index, list_of, first, pool, progress).measure(measures);
}

}  // namespace pema::memory
