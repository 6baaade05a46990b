/// An index over many segments at once, for rows that see many keys.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/list_codes.h"
#include "kernels/list_search.h"
#include "kernels/parallel.h"
#include "kernels/product_lists.h"
#include "pema/memory.h"
#include "pema/recall_index.h"
#include "src/memory/page_allowance.h"
#include "src/memory/segment_table.h"

namespace pema::memory {

using Segments = std::vector<std::shared_ptr<const Segment>>;

/// Throws unless an index can be built over `segments`; see SegmentIndex::build.
void check_segments(const Segments& segments);

/// What an index of these codes takes in memory, apart from some MB for its lists. Of kInt8 or
/// kProduct.
[[nodiscard]] std::int64_t code_bytes(const Segments& segments, IndexCodes codes,
                                      std::int64_t bytes_per_key);
/// The same of one key of width `hidden`.
[[nodiscard]] std::int64_t key_code_bytes(std::int64_t hidden, IndexCodes codes,
                                          std::int64_t bytes_per_key);
/// Parts of keys of width `hidden` in at most `bytes_per_key` bytes each: as few as have the same
/// width, none of them empty.
[[nodiscard]] std::int64_t parts_for(std::int64_t hidden, std::int64_t bytes_per_key);
/// The parts in the file `bytes` of an index by product codes, whose metadata alone is checked.
/// Throws kCorrupt, kUnsupported.
[[nodiscard]] std::int64_t parts_in_file(std::span<const std::byte> bytes, const std::string& name);

/// Recalls that were measured when an index was built; a wanted recall is rounded up to one.
inline constexpr double kRecallLevels[] = {0.9, 0.95, 0.98, 0.99, 1};
/// Visible shares of the index's keys at which it was measured; a row's share is rounded down.
inline constexpr double kMeasuredShares[] = {1, 0.25, 0.0625, 0.015625};
/// Of an index of product codes, whose keys are many.
inline constexpr double kProductShares[] = {1, 0.25, 0.0625, 0.015625, 0.00390625};

/// What the views of product codes show where they are no mapped file; wiped when it goes, as
/// SegmentIndex is.
struct ProductArrays {
  ProductArrays() = default;
  ProductArrays(const ProductArrays&) = delete;
  ProductArrays& operator=(const ProductArrays&) = delete;
  ~ProductArrays();

  std::vector<float> numbers;       ///< centroids, rotation, centroids of parts, terms
  std::vector<std::uint8_t> codes;  ///< [blocks, m, kBlock]
  std::vector<std::int32_t> ids;    ///< segments, rows
};

/// Keys whose distance may be computed for a row that wants 32.
inline constexpr std::int64_t kLongestShortlist = 8192;

/// What searching costs and finds at one visible share.
struct IndexMeasure {
  std::int64_t probes = 0;     ///< nearest lists to search
  double looked_at = 0;        ///< keys whose codes are read, per row
  std::int64_t shortlist = 0;  ///< of product codes: keys whose distance is computed, for 32
                               ///< wanted; 0: so much is not found
};

/// As RecallIndexOptions, without what concerns threads.
struct IndexOptions {
  std::int64_t lists = 0;  ///< 0: a list for every 1,000 keys, at least 1 and at most 4,096
  Progress* progress = nullptr;
  IndexCodes codes = IndexCodes::kAuto;
  std::int64_t bytes_per_key = 32;
  std::int64_t memory_budget = 0;
};

/// Throws kInvalidArgument on numbers outside their ranges.
void check_options(std::int64_t lists, std::int64_t bytes_per_key, std::int64_t memory_budget);

/// Keys of segments in lists around centroids (FAISS's k-means), as int8 codes with bounds or as
/// product codes of tens of bytes. The index holds its segments, or (read without them) only knows
/// their digests. Product-quantised segments have no exact keys and are left out. Thread-safety:
/// immutable once made.
class SegmentIndex {
 public:
  /// Overwrites the codes, which are as personal as the keys: freed memory keeps what was in it.
  ~SegmentIndex();
  SegmentIndex(const SegmentIndex&) = delete;
  SegmentIndex& operator=(const SegmentIndex&) = delete;

  /// Throws kInvalidArgument (no segments, null, twice the same, more than 2^31 keys), kMismatch
  /// (another width or base model than the first), kUnsupported (wider than ListCodes::kMaxCols),
  /// kOverBudget (no codes are small enough), kInterrupted.
  [[nodiscard]] static std::shared_ptr<const SegmentIndex> build(const Segments& segments,
                                                                 kernels::ThreadPool& pool,
                                                                 const IndexOptions& options = {});
  /// The index's file (docs/formats/index.md).
  [[nodiscard]] std::vector<std::byte> serialise() const;
  /// Reads what `serialise` wrote for these segments, in any order. Throws kCorrupt (anything
  /// damaged), kUnsupported (a newer version), kMismatch: made for other segments, so older than
  /// these; build it again.
  [[nodiscard]] static std::shared_ptr<const SegmentIndex> from_bytes(
      std::span<const std::byte> bytes, const Segments& segments, const std::string& name);
  /// The same without its segments: segments() are null, and `key` must not be called.
  [[nodiscard]] static std::shared_ptr<const SegmentIndex> from_bytes(
      std::span<const std::byte> bytes, const std::string& name);
  /// The index in the file `path`, without its segments. Throws also kNotFound, kIo.
  [[nodiscard]] static std::shared_ptr<const SegmentIndex> open(const std::string& path);
  /// The index in the file `path`, or a new one that is then written there where the file is
  /// absent, damaged or made for other segments; `said` is set to why, empty when it was read.
  /// Throws as build; kIo, kDiskFull.
  [[nodiscard]] static std::shared_ptr<const SegmentIndex> open_or_build(
      const std::string& path, const Segments& segments, kernels::ThreadPool& pool,
      const IndexOptions& options, std::string& said);

  [[nodiscard]] const Segments& segments() const noexcept { return segments_; }
  [[nodiscard]] std::span<const Digest> digests() const noexcept { return digests_; }  ///< of them
  [[nodiscard]] IndexCodes kind() const noexcept { return kind_; }  ///< kInt8 or kProduct
  /// Of an index of that kind; empty otherwise.
  [[nodiscard]] const kernels::ListCodes& codes() const noexcept { return codes_; }
  [[nodiscard]] const kernels::ProductLists& product() const noexcept { return product_; }
  /// Of either.
  [[nodiscard]] const kernels::KeyLists& lists() const noexcept {
    if (kind_ == IndexCodes::kProduct) return product_;
    return codes_;
  }
  [[nodiscard]] std::int64_t entries() const noexcept { return entries_; }
  [[nodiscard]] std::int64_t bytes() const noexcept;  ///< of memory
  /// The number of `segment` in segments(), or -1. A segment is known by its object, or by its
  /// digest.
  [[nodiscard]] std::int32_t number_of(const Segment* segment) const;
  [[nodiscard]] std::int64_t size_of(std::int32_t number) const {  ///< keys of a segment
    return sizes_[static_cast<std::size_t>(number)];
  }
  /// For a row that sees `share` of the keys and wants `recall`.
  [[nodiscard]] const IndexMeasure& measure(double share, double recall) const;
  /// The nearest visible keys of rows, as the kind finds them; see nearest_in_lists and
  /// nearest_by_codes. `seen` [segments]: of every segment of the index the one that a row sees,
  /// null where none does; keys are read from these alone.
  [[nodiscard]] std::vector<std::vector<kernels::NearKey>> nearest(
      std::span<const kernels::ListRow> rows, std::span<const Segment* const> seen,
      kernels::ThreadPool& pool) const;
  /// Bytes of segments that a scan may map at a time; 0: no limit.
  [[nodiscard]] std::int64_t scanned_at_once() const noexcept { return memory_budget_ / 4; }
  /// Key `row` of a segment: kernels::KeyReader.
  [[nodiscard]] const float* key(std::int32_t segment, std::int32_t row, float* buffer) const {
    return key_of(*segments_[static_cast<std::size_t>(segment)], row, buffer);
  }
  [[nodiscard]] static const float* key_of(const Segment& segment, std::int32_t row, float* buffer);

 private:
  friend class IndexBuilder;
  friend class IndexTrial;
  friend class ProductIndexBuilder;
  friend class ProductIndexTrial;
  /// Key `row` of a segment into `out` [d].
  void copy_key(std::int32_t segment, std::int32_t row, float* out) const;
  SegmentIndex() = default;
  /// Of segments_, which are all there.
  void name_segments();
  /// What `bytes` say, of either kind; views into them where `owner` keeps them. Without segments
  /// where `segments` is null.
  [[nodiscard]] static std::shared_ptr<SegmentIndex> read(std::span<const std::byte> bytes,
                                                          const Segments* segments,
                                                          const std::string& name,
                                                          std::shared_ptr<const void> owner);
  void set_views();
  /// Takes those of `segments` that the digests name, in their order.
  void adopt_segments(const Segments& segments, std::span<const Digest> digests,
                      std::span<const std::int64_t> entries, const std::string& name);
  /// Knows the segments by what the file says of them alone.
  void name_digests(std::span<const Digest> digests, std::span<const std::int64_t> entries,
                    const std::string& name);
  /// Either, for keys of width `cols`.
  void know_segments(const Segments* segments, std::span<const Digest> digests,
                     std::span<const std::int64_t> entries, std::int64_t cols,
                     const std::string& name);
  void read_int8(std::span<const std::byte> bytes, const Segments* segments,
                 const std::string& name);
  void read_product(std::span<const std::byte> bytes, const Segments* segments,
                    const std::string& name);
  void write(const std::string& path) const;
  [[nodiscard]] std::vector<std::byte> serialise_product() const;
  void write_product(const std::string& path) const;
  /// What options ask for, of these segments' keys. Throws kInvalidArgument, kOverBudget.
  [[nodiscard]] IndexCodes choose_codes(const IndexOptions& options) const;
  void build_product(kernels::ThreadPool& pool, const IndexOptions& options);
  void check_lists(std::int64_t blocks, const std::string& name) const;
  /// What every kind of lists must be, its blocks of `block` keys.
  void check_keys(std::int64_t blocks, const std::string& name) const;
  /// Views of product codes: numbers are centroids [lists, d], rotation [d, d], centroids of parts
  /// [d, 256], terms [places]; ids are segments and rows [places] each.
  void set_product_views(std::span<const float> numbers, std::span<const std::uint8_t> codes,
                         std::span<const std::int32_t> ids, std::int64_t cols, std::int64_t parts);
  /// `build`, before anybody else has it.
  [[nodiscard]] static std::shared_ptr<SegmentIndex> make(const Segments& segments,
                                                          kernels::ThreadPool& pool,
                                                          const IndexOptions& options);
  /// Of what is used from now on.
  void set_budget(std::int64_t bytes);
  void measure_all(kernels::ThreadPool& pool, Progress* progress);

  Segments segments_;                // null where it was read without them
  std::vector<Digest> digests_;      // of the segments
  std::vector<std::int64_t> sizes_;  // of the segments
  std::int64_t entries_ = 0;
  // What the views of codes_ show, in the order of the file's sections.
  std::vector<float> centroids_;
  std::vector<std::int64_t> list_start_;
  std::vector<std::uint8_t> code_bytes_;
  std::vector<float> numbers_;          // scales, lengths, residuals
  std::vector<std::int32_t> ids_;       // segments, rows
  std::vector<IndexMeasure> measures_;  // [shares, levels]
  IndexCodes kind_ = IndexCodes::kInt8;
  kernels::ListCodes codes_;
  kernels::ProductLists product_;
  std::vector<float> squares_;  // what product_.squares shows
  // Of everything else that product_ shows but the lists' starts: a mapped file, or ProductArrays.
  std::shared_ptr<const void> owner_;
  std::int64_t memory_budget_ = 0;
  std::unique_ptr<PageAllowance> pages_;
  SegmentTable by_object_;
  std::unordered_map<Digest, std::int32_t> by_digest_;
};

}  // namespace pema::memory
