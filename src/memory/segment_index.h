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
#include "pema/memory.h"
#include "pema/progress.h"
#include "src/memory/segment_table.h"

namespace pema::memory {

using Segments = std::vector<std::shared_ptr<const Segment>>;

/// Recalls that were measured when an index was built; a wanted recall is rounded up to one.
inline constexpr double kRecallLevels[] = {0.9, 0.95, 0.98, 0.99, 1};
/// Visible shares of the index's keys at which it was measured; a row's share is rounded down.
inline constexpr double kMeasuredShares[] = {1, 0.25, 0.0625, 0.015625};

/// What searching costs and finds at one visible share.
struct IndexMeasure {
  std::int64_t probes = 0;  ///< nearest lists to search
  double looked_at = 0;     ///< keys whose codes are read, per row
};

struct IndexOptions {
  std::int64_t lists = 0;  ///< 0: a list for every 1,000 keys, at least 1 and at most 4,096
  Progress* progress = nullptr;
};

/// Keys of segments in lists around centroids (FAISS's k-means), as int8 codes with bounds. The
/// index holds its segments, or (read without them) only knows their digests. Product-quantised
/// segments have no exact keys and are left out. Thread-safety: immutable once made.
class SegmentIndex {
 public:
  /// Overwrites the codes, which are as personal as the keys: freed memory keeps what was in it.
  ~SegmentIndex();
  SegmentIndex(const SegmentIndex&) = delete;
  SegmentIndex& operator=(const SegmentIndex&) = delete;

  /// Throws kInvalidArgument (no segments, null, twice the same, more than 2^31 keys), kMismatch
  /// (another width or base model than the first), kUnsupported (wider than ListCodes::kMaxCols),
  /// kInterrupted.
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
  /// The index in the file `path`, or a new one that is then written there where the file is
  /// absent, damaged or made for other segments; `said` is set to why, empty when it was read.
  /// Throws as build; kIo, kDiskFull.
  [[nodiscard]] static std::shared_ptr<const SegmentIndex> open_or_build(
      const std::string& path, const Segments& segments, kernels::ThreadPool& pool,
      const IndexOptions& options, std::string& said);

  [[nodiscard]] const Segments& segments() const noexcept { return segments_; }
  [[nodiscard]] std::span<const Digest> digests() const noexcept { return digests_; }  ///< of them
  [[nodiscard]] const kernels::ListCodes& codes() const noexcept { return codes_; }
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
  /// Key `row` of a segment: kernels::KeyReader.
  [[nodiscard]] const float* key(std::int32_t segment, std::int32_t row, float* buffer) const {
    return key_of(*segments_[static_cast<std::size_t>(segment)], row, buffer);
  }
  [[nodiscard]] static const float* key_of(const Segment& segment, std::int32_t row, float* buffer);

 private:
  friend class IndexBuilder;
  friend class IndexTrial;
  /// Key `row` of a segment into `out` [d].
  void copy_key(std::int32_t segment, std::int32_t row, float* out) const;
  SegmentIndex() = default;
  /// Of segments_, which are all there.
  void name_segments();
  /// from_bytes; without segments where `segments` is null.
  [[nodiscard]] static std::shared_ptr<const SegmentIndex> parse(std::span<const std::byte> bytes,
                                                                 const Segments* segments,
                                                                 const std::string& name);
  void set_views();
  /// Takes those of `segments` that the digests name, in their order.
  void adopt_segments(const Segments& segments, std::span<const Digest> digests,
                      std::span<const std::int64_t> entries, const std::string& name);
  /// Knows the segments by what the file says of them alone.
  void name_digests(std::span<const Digest> digests, std::span<const std::int64_t> entries,
                    const std::string& name);
  void check_lists(std::int64_t blocks, const std::string& name) const;
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
  kernels::ListCodes codes_;
  SegmentTable by_object_;
  std::unordered_map<Digest, std::int32_t> by_digest_;
};

}  // namespace pema::memory
