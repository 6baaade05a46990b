// An index by product codes, built from segments that are never in memory as a whole.
#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/head_product.h"
#include "pema/codebook.h"
#include "pema/error.h"
#include "src/memory/centroid_groups.h"
#include "src/memory/learn_parts.h"
#include "src/memory/learn_rotation.h"
#include "src/memory/product_index_trial.h"
#include "src/memory/segment_index.h"

namespace pema::memory {
namespace {

constexpr std::int64_t kBlock = kernels::ProductLists::kBlock;
constexpr std::int64_t kCentroids = kernels::ProductSpace::kCentroids;
constexpr std::int64_t kKeysPerList = 1000;
constexpr std::int64_t kMostLists = 4096;
constexpr std::int64_t kSamplesPerList = 64;  // k-means needs no more
constexpr std::int64_t kLearntFrom = 16384;   // the parts, as CodebookOptions
constexpr std::int64_t kAtOnce = 4096;        // keys

}  // namespace

/// Fills a SegmentIndex step by step. Keys have numbers over all segments, in their order.
class ProductIndexBuilder {
 public:
  ProductIndexBuilder(SegmentIndex& index, kernels::ThreadPool& pool, const IndexOptions& options)
      : index_(index),
        pool_(pool),
        options_(options),
        d_(index.segments_[0]->info().hidden),
        pages_(*index.pages_, index.segments_, {}),
        first_(index.segments_.size() + 1),
        arrays_(std::make_shared<ProductArrays>()) {
    std::partial_sum(index.sizes_.begin(), index.sizes_.end(), first_.begin() + 1);
    parts_ = parts_for(d_, options.bytes_per_key);
    PEMA_CHECK(d_ <= kWidestRotation, kUnsupported, "keys of width ", d_,
               " are too wide for product codes (", kWidestRotation, " at most); use int8 codes");
    PEMA_CHECK(first_.back() < (std::int64_t{1} << 31) / 2, kUnsupported, "an index of ",
               first_.back(), " keys is too large (2^30); make several");
  }

  void run() {
    const std::int64_t keys = first_.back();
    index_.entries_ = keys;
    std::int64_t lists = options_.lists > 0
                             ? options_.lists
                             : std::clamp<std::int64_t>(keys / kKeysPerList, 1, kMostLists);
    lists = std::min(lists, keys);
    std::vector<std::int32_t> list_of(static_cast<std::size_t>(keys));
    Matrix<float> centroids(lists, d_);
    if (keys > 0) {
      const CentroidGroups groups(draw(most_samples(lists), 1).view(), lists, options_.progress);
      centroids = groups.centroids();
      assign(groups, list_of);
      learn(groups);
    } else {
      parts_centroids_.resize(static_cast<std::size_t>(d_ * kCentroids));
      rotation_ = learn_rotation(Matrix<float>(0, d_), parts_);
    }
    lay_out(list_of, lists);
    encode(list_of, centroids);
    index_.owner_ = arrays_;
    index_.set_product_views(arrays_->numbers, arrays_->codes, arrays_->ids, d_, parts_);
    pages_.release();
    measure_product(index_, index_.measures_, list_of, first_, pool_, options_.progress);
  }

 private:
  /// A quarter of the budget at most.
  [[nodiscard]] std::int64_t most_samples(std::int64_t lists) const {
    const std::int64_t enough = kSamplesPerList * lists;
    if (options_.memory_budget == 0) return enough;
    return std::clamp(options_.memory_budget / 4 / (4 * d_), lists, enough);
  }

  /// Key number `key` [d].
  void copy_key(std::int64_t key, float* out) const {
    const auto at = std::upper_bound(first_.begin(), first_.end(), key) - first_.begin() - 1;
    index_.copy_key(static_cast<std::int32_t>(at),
                    static_cast<std::int32_t>(key - first_[static_cast<std::size_t>(at)]), out);
  }

  /// At most `most` keys, drawn evenly, in the order of the files.
  [[nodiscard]] Matrix<float> draw(std::int64_t most, unsigned seed) const {
    const std::int64_t keys = first_.back();
    Matrix<float> out(std::min(keys, most), d_);
    std::mt19937_64 random(seed);
    std::int64_t taken = 0;
    for (std::size_t s = 0; s + 1 < first_.size(); ++s) {
      checkpoint(options_.progress, "sample", taken, out.rows(), "keys");
      for (std::int64_t key = first_[s]; key < first_[s + 1]; ++key) {
        const auto left = static_cast<std::uint64_t>(keys - key);
        if (random() % left >= static_cast<std::uint64_t>(out.rows() - taken)) continue;
        pages_.touch(static_cast<std::int32_t>(s), PageAllowance::kWindow);
        copy_key(key, out.row(taken++));
      }
    }
    checkpoint(options_.progress, "sample", taken, out.rows(), "keys");
    return out;
  }

  /// Calls body(first, last) for ranges of all keys, at most kAtOnce of one segment at a time.
  template <typename Body>
  void stream(const char* stage, const Body& body) {
    for (std::size_t s = 0; s + 1 < first_.size(); ++s) {
      for (std::int64_t begin = first_[s]; begin < first_[s + 1]; begin += kAtOnce) {
        checkpoint(options_.progress, stage, begin, first_.back(), "keys");
        const std::int64_t end = std::min(first_[s + 1], begin + kAtOnce);
        pages_.touch(static_cast<std::int32_t>(s),
                     (end - begin) * key_bytes(index_.segments_[s]->info()));
        body(begin, end);
      }
    }
    checkpoint(options_.progress, stage, first_.back(), first_.back(), "keys");
  }

  void assign(const CentroidGroups& groups, std::vector<std::int32_t>& list_of) {
    stream("lists", [&](std::int64_t first, std::int64_t last) {
      pool_.run(last - first, 1, [&](std::int64_t begin, std::int64_t end) {
        Matrix<float> keys(end - begin, d_);
        for (std::int64_t i = begin; i < end; ++i) copy_key(first + i, keys.row(i - begin));
        groups.assign(keys.view(),
                      std::span(list_of).subspan(static_cast<std::size_t>(first + begin),
                                                 static_cast<std::size_t>(end - begin)));
      });
    });
  }

  [[nodiscard]] Matrix<float> rotated(const Matrix<float>& rows) const {
    return rotated_rows(rotation_, rows);
  }

  /// Keys [n, d] become their offsets from their lists' centroids.
  void subtract(Matrix<float>& keys, std::span<const std::int32_t> lists,
                const Matrix<float>& centroids) const {
    for (std::int64_t i = 0; i < keys.rows(); ++i) {
      const float* const centroid = centroids.row(lists[static_cast<std::size_t>(i)]);
      for (std::int64_t c = 0; c < d_; ++c) keys.row(i)[c] -= centroid[c];
    }
  }

  /// Rotation and centroids of the parts, from offsets of keys that were drawn anew.
  void learn(const CentroidGroups& groups) {
    Matrix<float> offsets = draw(kLearntFrom, 2);
    std::vector<std::int32_t> lists(static_cast<std::size_t>(offsets.rows()));
    groups.assign(offsets.view(), lists);
    subtract(offsets, lists, groups.centroids());
    rotation_ = learn_rotation(offsets, parts_);
    offsets = rotated(offsets);
    if (offsets.rows() < kCentroids) {
      Matrix<float> enough(kCentroids, d_);
      for (std::int64_t i = 0; i < kCentroids; ++i) {
        std::copy_n(offsets.row(i % offsets.rows()), d_, enough.row(i));
      }
      offsets = std::move(enough);
    }
    parts_centroids_ = learn_parts(offsets, parts_, CodebookOptions{}, options_.progress);
  }

  /// Starts of the lists, and room for everything.
  void lay_out(const std::vector<std::int32_t>& list_of, std::int64_t lists) {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(lists));
    for (const std::int32_t list : list_of) ++counts[static_cast<std::size_t>(list)];
    index_.list_start_.assign(1, 0);
    for (const std::int64_t count : counts) {
      index_.list_start_.push_back(index_.list_start_.back() + (count + kBlock - 1) / kBlock);
    }
    const auto places = static_cast<std::size_t>(index_.list_start_.back() * kBlock);
    arrays_->numbers.resize(static_cast<std::size_t>((lists + d_ + kCentroids) * d_) + places);
    arrays_->codes.resize(places * static_cast<std::size_t>(parts_));
    arrays_->ids.resize(2 * places);
    std::fill_n(arrays_->ids.begin(), places, -1);
  }

  void encode(const std::vector<std::int32_t>& list_of, const Matrix<float>& centroids) {
    float* const rotation =
        std::copy_n(centroids.data(), centroids.rows() * d_, arrays_->numbers.data());
    float* const of_parts = std::copy_n(rotation_.data(), d_ * d_, rotation);
    float* const terms = std::copy(parts_centroids_.begin(), parts_centroids_.end(), of_parts);
    const kernels::ProductSpace space{d_, parts_, (d_ + parts_ - 1) / parts_, of_parts};
    const Matrix<float> rotated_centroids = rotated(centroids);
    // Where each list's next key goes: keys come in the order of segment and row.
    std::vector<std::int64_t> next;
    for (std::size_t list = 0; list + 1 < index_.list_start_.size(); ++list) {
      next.push_back(index_.list_start_[list] * kBlock);
    }
    std::vector<std::int64_t> places;
    stream("codes", [&](std::int64_t first, std::int64_t last) {
      const auto lists = std::span(list_of).subspan(static_cast<std::size_t>(first),
                                                    static_cast<std::size_t>(last - first));
      places.clear();
      for (const std::int32_t list : lists)
        places.push_back(next[static_cast<std::size_t>(list)]++);
      pool_.run(last - first, 1, [&](std::int64_t begin, std::int64_t end) {
        Matrix<float> offsets(end - begin, d_);
        for (std::int64_t i = begin; i < end; ++i) copy_key(first + i, offsets.row(i - begin));
        subtract(offsets, lists.subspan(static_cast<std::size_t>(begin)), centroids);
        offsets = rotated(offsets);
        std::vector<std::uint8_t> code(static_cast<std::size_t>(parts_));
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t place = places[static_cast<std::size_t>(i)];
          terms[place] = kernels::encode_product_offset(
              space, offsets.row(i - begin),
              rotated_centroids.row(lists[static_cast<std::size_t>(i)]), code.data());
          put(first + i, place, code);
        }
      });
    });
  }

  void put(std::int64_t key, std::int64_t place, std::span<const std::uint8_t> code) {
    std::uint8_t* const block =
        arrays_->codes.data() + place / kBlock * parts_ * kBlock + place % kBlock;
    for (std::int64_t p = 0; p < parts_; ++p) block[p * kBlock] = code[static_cast<std::size_t>(p)];
    const auto segment = std::upper_bound(first_.begin(), first_.end(), key) - first_.begin() - 1;
    const auto at = static_cast<std::size_t>(place);
    arrays_->ids[at] = static_cast<std::int32_t>(segment);
    arrays_->ids[arrays_->ids.size() / 2 + at] =
        static_cast<std::int32_t>(key - first_[static_cast<std::size_t>(segment)]);
  }

  SegmentIndex& index_;
  kernels::ThreadPool& pool_;
  const IndexOptions& options_;
  std::int64_t d_;
  std::int64_t parts_ = 0;
  SeenPages pages_;
  std::vector<std::int64_t> first_;  // [segments + 1], keys before each
  Matrix<float> rotation_;
  std::vector<float> parts_centroids_;
  std::shared_ptr<ProductArrays> arrays_;
};

std::int64_t parts_for(std::int64_t hidden, std::int64_t bytes_per_key) {
  const std::int64_t most = std::min(bytes_per_key, hidden);
  const std::int64_t width = (hidden + most - 1) / most;
  return (hidden + width - 1) / width;
}

void SegmentIndex::build_product(kernels::ThreadPool& pool, const IndexOptions& options) {
  ProductIndexBuilder(*this, pool, options).run();
}

}  // namespace pema::memory
