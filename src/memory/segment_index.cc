#include "src/memory/segment_index.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "kernels/key_rotation.h"
#include "pema/error.h"

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

std::int64_t SegmentIndex::bytes() const noexcept {
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

const IndexMeasure& SegmentIndex::measure(double share, double recall) const {
  std::size_t s = 0;
  while (s + 1 < std::size(kMeasuredShares) && kMeasuredShares[s] > share) ++s;
  std::size_t level = 0;
  while (level + 1 < kLevels && kRecallLevels[level] < recall) ++level;
  return measures_[s * kLevels + level];
}

/// For keys of the index as queries, each without itself: in which of the query's nearest lists do
/// its neighbours lie?
void SegmentIndex::measure_all(kernels::ThreadPool& pool, Progress* progress) {
  measures_.assign(std::size(kMeasuredShares) * kLevels, {codes_.lists(), 0});
  if (entries_ == 0) return;
  std::vector<std::vector<std::int32_t>> list_of(segments_.size());
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    list_of[s].resize(static_cast<std::size_t>(segments_[s]->info().entries));
  }
  std::vector<std::size_t> places;  // of the keys that are there
  for (std::int64_t list = 0; list < codes_.lists(); ++list) {
    const auto at = static_cast<std::size_t>(list);
    for (std::int64_t p = list_start_[at] * 32; p < list_start_[at + 1] * 32; ++p) {
      const auto place = static_cast<std::size_t>(p);
      if (codes_.segment[place] < 0) continue;
      places.push_back(place);
      list_of[static_cast<std::size_t>(codes_.segment[place])]
             [static_cast<std::size_t>(codes_.row[place])] = static_cast<std::int32_t>(list);
    }
  }
  std::mt19937 random(2);
  Matrix<float> queries(kMeasuredRows, codes_.cols);
  std::vector<std::size_t> selves;
  for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
    selves.push_back(places[random() % places.size()]);
    const float* const from =
        key(codes_.segment[selves.back()], codes_.row[selves.back()], queries.row(q));
    if (from != queries.row(q)) std::copy_n(from, codes_.cols, queries.row(q));
  }
  const auto read = [&](std::int32_t segment, std::int32_t row, float* buffer) {
    return key(segment, row, buffer);
  };
  for (std::size_t s = 0; s < std::size(kMeasuredShares); ++s) {
    checkpoint(progress, "recall", static_cast<std::int64_t>(s), std::ssize(kMeasuredShares),
               "shares");
    std::vector<std::vector<std::int32_t>> seen(static_cast<std::size_t>(kMeasuredRows));
    std::vector<kernels::ListRow> rows;
    for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
      auto& mine = seen[static_cast<std::size_t>(q)];
      for (std::int64_t number = 0; number < std::ssize(segments_); ++number) {
        mine.push_back(sees(q, number, kMeasuredShares[s]) ? static_cast<std::int32_t>(number)
                                                           : -1);
      }
      rows.push_back({queries.row(q), mine, kMeasuredNearest + 1, codes_.lists()});
    }
    kernels::ListSearchCounts counts;
    const auto found = kernels::nearest_in_lists(codes_, rows, read, pool, &counts);
    IndexMeasure* const out = measures_.data() + s * kLevels;
    out[kLevels - 1] = {codes_.lists(), static_cast<double>(counts.looked_at * 32) / kMeasuredRows};
    // How many neighbours lie in a query's r-th nearest list.
    std::vector<std::int64_t> by_rank(static_cast<std::size_t>(codes_.lists()));
    std::int64_t all = 0;
    for (std::int64_t q = 0; q < kMeasuredRows; ++q) {
      const std::vector<std::int32_t> ranks = kernels::list_ranks(codes_, queries.row(q));
      const std::size_t self = selves[static_cast<std::size_t>(q)];
      for (const kernels::NearKey& near : found[static_cast<std::size_t>(q)]) {
        if (near.place == codes_.segment[self] && near.row == codes_.row[self]) continue;
        const std::int32_t list =
            list_of[static_cast<std::size_t>(near.place)][static_cast<std::size_t>(near.row)];
        ++by_rank[static_cast<std::size_t>(ranks[static_cast<std::size_t>(list)])];
        ++all;
      }
    }
    for (std::size_t level = 0; level + 1 < kLevels; ++level) {
      // Half of the misses allowed: other queries may be farther from the keys than keys are.
      const double wanted = 1 - (1 - kRecallLevels[level]) / 2;
      std::int64_t probes = 0;
      for (std::int64_t sum = 0;
           probes < codes_.lists() && static_cast<double>(sum) < wanted * static_cast<double>(all);
           ++probes) {
        sum += by_rank[static_cast<std::size_t>(probes)];
      }
      for (kernels::ListRow& row : rows) row.probes = std::max<std::int64_t>(1, probes);
      (void)kernels::nearest_in_lists(codes_, rows, read, pool, &counts);
      out[level] = {std::max<std::int64_t>(1, probes),
                    static_cast<double>(counts.looked_at * 32) / kMeasuredRows};
    }
  }
  checkpoint(progress, "recall", std::ssize(kMeasuredShares), std::ssize(kMeasuredShares),
             "shares");
}

}  // namespace pema::memory
