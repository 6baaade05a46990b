#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "kernels/key_rotation.h"
#include "pema/error.h"
#include "src/memory/learn_centroids.h"
#include "src/memory/segment_index.h"

namespace pema::memory {
namespace {

constexpr std::int64_t kBlock = kernels::ListCodes::kBlock;
constexpr std::int64_t kKeysPerList = 1000;
constexpr std::int64_t kMostLists = 4096;
constexpr std::int64_t kSamplesPerList = 64;  // k-means needs no more

/// Key `row` of segment `segment`, in the list `list`.
struct Entry {
  std::int32_t list = 0;
  std::int32_t segment = 0;
  std::int32_t row = 0;
  float length = 0;  ///< from the centroid
};

}  // namespace

/// Fills a SegmentIndex step by step.
class IndexBuilder {
 public:
  IndexBuilder(SegmentIndex& index, kernels::ThreadPool& pool, const IndexOptions& options)
      : index_(index), pool_(pool), options_(options) {
    d_ = index.segments_[0]->info().hidden;
  }

  void run() {
    list_entries();
    choose_centroids();
    assign();
    order();
    encode();
  }

 private:
  void list_entries() {
    std::int64_t total = 0;
    for (const auto& segment : index_.segments_) total += segment->info().entries;
    PEMA_CHECK(total < (std::int64_t{1} << 31), kUnsupported, "an index of ", total,
               " keys is too large (2^31); make several");
    entries_.reserve(static_cast<std::size_t>(total));
    for (std::size_t s = 0; s < index_.segments_.size(); ++s) {
      for (std::int64_t row = 0; row < index_.segments_[s]->info().entries; ++row) {
        entries_.push_back({0, static_cast<std::int32_t>(s), static_cast<std::int32_t>(row), 0});
      }
    }
    index_.entries_ = total;
  }

  void copy_key(const Entry& entry, float* out) const {
    index_.copy_key(entry.segment, entry.row, out);
  }

  void choose_centroids() {
    const std::int64_t keys = std::ssize(entries_);
    std::int64_t lists = options_.lists;
    if (lists == 0) lists = std::clamp<std::int64_t>(keys / kKeysPerList, 1, kMostLists);
    lists = std::min(lists, keys);
    const std::int64_t samples = std::min(keys, lists * kSamplesPerList);
    Matrix<float> sample(samples, d_);
    std::mt19937_64 random(1);
    for (std::int64_t i = 0; i < samples; ++i) {
      // One of each stretch of keys: every large segment is represented.
      const std::int64_t begin = keys * i / samples;
      const std::int64_t end = keys * (i + 1) / samples;
      const auto at = static_cast<std::size_t>(
          begin + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end - begin)));
      copy_key(entries_[at], sample.row(i));
    }
    centroids_ = lists == 0 ? Matrix<float>(0, d_)
                            : learn_centroids(sample.view(), lists, options_.progress);
  }

  void assign() {
    constexpr std::int64_t kAtOnce = 16384;
    Matrix<float> some(std::min(kAtOnce, std::ssize(entries_)), d_);
    for (std::int64_t begin = 0; begin < std::ssize(entries_); begin += kAtOnce) {
      checkpoint(options_.progress, "lists", begin, std::ssize(entries_), "keys");
      const std::int64_t count = std::min(kAtOnce, std::ssize(entries_) - begin);
      for (std::int64_t i = 0; i < count; ++i) {
        copy_key(entries_[static_cast<std::size_t>(begin + i)], some.row(i));
      }
      const auto numbers = nearest_centroids(centroids_, {some.data(), count, d_});
      for (std::int64_t i = 0; i < count; ++i) {
        entries_[static_cast<std::size_t>(begin + i)].list = numbers[static_cast<std::size_t>(i)];
      }
    }
    for (std::int64_t list = 0; list < centroids_.rows(); ++list) {
      kernels::rotate_key(centroids_.row(list), d_);
    }
  }

  void offset(const Entry& entry, float* out) const {
    copy_key(entry, out);
    kernels::rotate_key(out, d_);
    for (std::int64_t c = 0; c < d_; ++c) out[c] -= centroids_.row(entry.list)[c];
  }

  /// Lists one after the other, in each the nearest to the centroid first.
  void order() {
    pool_.run(std::ssize(entries_), 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> v(static_cast<std::size_t>(d_));
      for (std::int64_t i = begin; i < end; ++i) {
        Entry& entry = entries_[static_cast<std::size_t>(i)];
        offset(entry, v.data());
        double square = 0;
        for (const float x : v) square += static_cast<double>(x) * static_cast<double>(x);
        entry.length = static_cast<float>(std::sqrt(square));
      }
    });
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      if (a.list != b.list) return a.list < b.list;
      if (a.length != b.length) return a.length < b.length;
      return a.segment != b.segment ? a.segment < b.segment : a.row < b.row;
    });
    index_.list_start_.assign(static_cast<std::size_t>(centroids_.rows() + 1), 0);
    first_.assign(index_.list_start_.size(), 0);
    for (const Entry& entry : entries_) ++first_[static_cast<std::size_t>(entry.list) + 1];
    for (std::size_t list = 1; list < first_.size(); ++list) {
      index_.list_start_[list] =
          index_.list_start_[list - 1] + (first_[list] + kBlock - 1) / kBlock;
      first_[list] += first_[list - 1];
    }
  }

  void encode() {
    const std::int64_t blocks = index_.list_start_.back();
    const auto places = static_cast<std::size_t>(blocks * kBlock);
    const std::int64_t block_bytes = (d_ + 3) / 4 * 4 * kBlock;
    index_.code_bytes_.resize(static_cast<std::size_t>(blocks * block_bytes));
    index_.numbers_.resize(3 * places);
    index_.ids_.resize(2 * places);
    index_.centroids_.assign(centroids_.data(), centroids_.data() + centroids_.rows() * d_);
    pool_.run(centroids_.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> v(static_cast<std::size_t>(d_));
      for (std::int64_t list = begin; list < end; ++list) {
        const auto at = static_cast<std::size_t>(list);
        std::int64_t next = first_[at];
        const std::int64_t last = first_[at + 1] - 1;
        for (std::int64_t place = index_.list_start_[at] * kBlock;
             place < index_.list_start_[at + 1] * kBlock; ++place, ++next) {
          const Entry& entry = entries_[static_cast<std::size_t>(std::min(next, last))];
          offset(entry, v.data());
          const kernels::ListCode code =
              kernels::encode_offset(v.data(), d_, place % kBlock,
                                     index_.code_bytes_.data() + place / kBlock * block_bytes);
          const auto p = static_cast<std::size_t>(place);
          index_.numbers_[p] = code.scale;
          index_.numbers_[places + p] = code.length;
          index_.numbers_[2 * places + p] = code.residual;
          index_.ids_[p] = next <= last ? entry.segment : -1;
          index_.ids_[places + p] = entry.row;
        }
      }
    });
  }

  SegmentIndex& index_;
  kernels::ThreadPool& pool_;
  const IndexOptions& options_;
  std::int64_t d_ = 0;
  std::vector<Entry> entries_;
  std::vector<std::int64_t> first_;  // [lists + 1], in entries
  Matrix<float> centroids_;          // rotated once keys are assigned
};

std::shared_ptr<const SegmentIndex> SegmentIndex::build(const Segments& segments,
                                                        kernels::ThreadPool& pool,
                                                        const IndexOptions& options) {
  return make(segments, pool, options);
}

std::shared_ptr<SegmentIndex> SegmentIndex::make(const Segments& segments,
                                                 kernels::ThreadPool& pool,
                                                 const IndexOptions& options) {
  check_segments(segments);
  std::shared_ptr<SegmentIndex> index(new SegmentIndex);
  for (const auto& segment : segments) {
    if (segment->info().keys != KeyType::kProductQuantised) index->segments_.push_back(segment);
  }
  PEMA_CHECK(!index->segments_.empty(), kInvalidArgument,
             "all segments are product-quantised; an index needs keys");
  index->name_segments();
  index->kind_ = index->choose_codes(options);
  index->set_budget(options.memory_budget);
  if (index->kind_ == IndexCodes::kProduct) {
    index->build_product(pool, options);
    return index;
  }
  index->codes_.cols = index->segments_[0]->info().hidden;
  IndexBuilder(*index, pool, options).run();
  index->set_views();
  index->measure_all(pool, options.progress);
  return index;
}

}  // namespace pema::memory
