#include "src/memory/segment_index.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "pema/error.h"
#include "src/memory/look_closer.h"

namespace pema::memory {

namespace {

template <typename T>
void wipe(std::vector<T>& values) {
  if (!values.empty()) ::explicit_bzero(values.data(), values.size() * sizeof(T));
}

}  // namespace

ProductArrays::~ProductArrays() {
  wipe(numbers);
  wipe(codes);
  wipe(ids);
}

SegmentIndex::~SegmentIndex() {
  wipe(code_bytes_);
  wipe(numbers_);
  wipe(centroids_);
  wipe(squares_);
}

void SegmentIndex::name_segments() {
  by_object_ = SegmentTable(segments_.size());
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    const auto number = static_cast<std::int32_t>(s);
    digests_.push_back(segments_[s]->digest());
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
                                     std::span<const std::int32_t> ids, std::int64_t d,
                                     std::int64_t parts) {
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
  pages_ = std::make_unique<PageAllowance>(digests_.size(), bytes / 8);
}

std::vector<std::vector<kernels::NearKey>> SegmentIndex::nearest(
    std::span<const kernels::ListRow> rows, std::span<const Segment* const> seen,
    kernels::ThreadPool& pool) const {
  const SeenPages pages(*pages_, segments_, seen);
  if (kind_ == IndexCodes::kProduct) return nearest_by_codes(product_, rows, pages, pool);
  const auto read = [&](std::int32_t segment, std::int32_t row, float* buffer) {
    pages.touch(segment, PageAllowance::kWindow);
    return key_of(*seen[static_cast<std::size_t>(segment)], row, buffer);
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

const float* SegmentIndex::key_of(const Segment& from, std::int32_t row, float* buffer) {
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
  constexpr std::size_t kLevels = std::size(kRecallLevels);
  std::size_t s = 0;
  while (s + 1 < shares.size() && shares[s] > share) ++s;
  std::size_t level = 0;
  while (level + 1 < kLevels && kRecallLevels[level] < recall) ++level;
  return measures_[s * kLevels + level];
}

}  // namespace pema::memory
