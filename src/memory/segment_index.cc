#include "src/memory/segment_index.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "pema/error.h"
#include "src/memory/look_closer.h"

namespace pema::memory {
namespace {

constexpr std::int64_t kMeasuredRows = 64;
constexpr std::int64_t kMeasuredNearest = 32;
constexpr std::size_t kLevels = std::size(kRecallLevels);

/// Whether a row of a measurement sees a segment: by chance, but always the same.
bool sees(std::int64_t row, std::int64_t segment, double share) {
  std::mt19937 random(static_cast<unsigned>(row * 1'000'003 + segment));
  return static_cast<double>(random()) < share * 4294967296.0;
}

}  // namespace

void SegmentIndex::name_segments() {
  by_object_ = SegmentTable(segments_.size());
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    const auto number = static_cast<std::int32_t>(s);
    sizes_.push_back(segments_[s]->info().entries);
    by_object_.insert(segments_[s].get(), number);
    PEMA_CHECK(by_digest_.emplace(segments_[s]->digest(), number).second, kInvalidArgument,
               "segment ", segments_[s]->digest().short_hex(), " is named twice to an index");
  }
}

void SegmentIndex::set_views() {
  const std::size_t places = numbers_.size() / 3;
  const std::span<const float> numbers(numbers_);
  const std::span<const std::int32_t> ids(ids_);
  codes_.cols = segments_[0]->info().hidden;
  codes_.centroids = centroids_;
  codes_.list_start = list_start_;
  codes_.codes = code_bytes_;
  codes_.scales = numbers.first(places);
  codes_.lengths = numbers.subspan(places, places);
  codes_.residuals = numbers.subspan(2 * places);
  codes_.segment = ids.first(places);
  codes_.row = ids.subspan(places);
}

void SegmentIndex::set_product_views(std::span<const float> numbers,
                                     std::span<const std::uint8_t> codes,
                                     std::span<const std::int32_t> ids, std::int64_t parts) {
  const std::int64_t d = segments_[0]->info().hidden;
  const auto lists = static_cast<std::size_t>(std::ssize(list_start_) - 1);
  const std::size_t centroids = lists * static_cast<std::size_t>(d);
  const auto rotation = static_cast<std::size_t>(d * d);
  const auto of_parts = static_cast<std::size_t>(d * kernels::ProductSpace::kCentroids);
  product_.cols = d;
  product_.centroids = numbers.first(centroids);
  product_.list_start = list_start_;
  product_.rotation = numbers.data() + centroids;
  product_.space = {d, parts, (d + parts - 1) / parts, numbers.data() + centroids + rotation};
  product_.terms = numbers.subspan(centroids + rotation + of_parts);
  product_.codes = codes;
  product_.segment = ids.first(ids.size() / 2);
  product_.row = ids.subspan(ids.size() / 2);
  squares_.assign(lists, 0);
  for (std::size_t list = 0; list < lists; ++list) {
    double sum = 0;
    for (const float v :
         numbers.subspan(list * static_cast<std::size_t>(d), static_cast<std::size_t>(d))) {
      sum += static_cast<double>(v) * static_cast<double>(v);
    }
    squares_[list] = static_cast<float>(sum);
  }
  product_.squares = squares_;
}

void SegmentIndex::set_budget(std::int64_t bytes) {
  memory_budget_ = bytes;
  pages_ = std::make_unique<PageAllowance>(segments_.size(), bytes / 8);
}

std::vector<std::vector<kernels::NearKey>> SegmentIndex::nearest(
    std::span<const kernels::ListRow> rows, kernels::ThreadPool& pool) const {
  if (kind_ == IndexCodes::kProduct) return nearest_by_codes(*this, rows, pool);
  const auto read = [&](std::int32_t segment, std::int32_t row, float* buffer) {
    touch(segment, PageAllowance::kWindow);
    return key(segment, row, buffer);
  };
  return kernels::nearest_in_lists(codes_, rows, read, pool);
}

std::int64_t SegmentIndex::bytes() const noexcept {
  if (kind_ == IndexCodes::kProduct) {
    return std::ssize(product_.codes) +
           4 * (std::ssize(product_.centroids) + std::ssize(product_.terms) +
                std::ssize(product_.segment) + std::ssize(product_.row) + std::ssize(squares_) +
                product_.cols * (product_.cols + kernels::ProductSpace::kCentroids)) +
           8 * std::ssize(list_start_);
  }
  return std::ssize(code_bytes_) +
         4 * (std::ssize(centroids_) + std::ssize(numbers_) + std::ssize(ids_)) +
         8 * std::ssize(list_start_);
}

std::int32_t SegmentIndex::number_of(const Segment* segment) const {
  if (const std::int32_t number = by_object_.find(segment); number >= 0) return number;
  const auto found = by_digest_.find(segment->digest());
  return found == by_digest_.end() ? -1 : found->second;
}

const float* SegmentIndex::key(std::int32_t segment, std::int32_t row, float* buffer) const {
  const Segment& from = *segments_[static_cast<std::size_t>(segment)];
  if (from.keys().data != nullptr) return from.keys().row(row);
  from.decode(row, {buffer, static_cast<std::size_t>(from.info().hidden)});
  return buffer;
}

void SegmentIndex::copy_key(std::int32_t segment, std::int32_t row, float* out) const {
  const float* const from = key(segment, row, out);
  if (from != out) std::copy_n(from, segments_[0]->info().hidden, out);
}

const IndexMeasure& SegmentIndex::measure(double share, double recall) const {
  const std::span<const double> shares =
      kind_ == IndexCodes::kProduct ? std::span<const double>(kProductShares) : kMeasuredShares;
  std::size_t s = 0;
  while (s + 1 < shares.size() && shares[s] > share) ++s;
  std::size_t level = 0;
  while (level + 1 < kLevels && kRecallLevels[level] < recall) ++level;
  return measures_[s * kLevels + level];
}

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
