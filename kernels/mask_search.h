/// Nearest masks: which of millions of profiles select the same adapters as this one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/parallel.h"
#include "pema/mask.h"

namespace pema::kernels {

/// Bit masks of one size, laid out for searching: groups of 8 masks, word by word side by side.
/// Thread-safety: like a std::vector.
class MaskTable {
 public:
  static constexpr std::int64_t kGroup = 8;

  /// An empty table of masks over `bits` adapters. Throws kInvalidArgument outside [1,
  /// BitMask::kMaxSize].
  explicit MaskTable(std::int64_t bits);

  /// The mask gets the number size(). Throws kInvalidArgument on a mask of another size.
  void append(const BitMask& mask);
  void reserve(std::int64_t masks);

  [[nodiscard]] std::int64_t bits() const noexcept { return bits_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  /// Words of 64 bits per mask.
  [[nodiscard]] std::int64_t words() const noexcept { return words_; }
  /// ceil(size / 8) groups, each [words, 8]; what stands behind the last mask is zero.
  [[nodiscard]] std::span<const std::uint64_t> groups() const noexcept { return groups_; }

 private:
  std::int64_t bits_;
  std::int64_t words_;
  std::int64_t size_ = 0;
  std::vector<std::uint64_t> groups_;
};

struct MaskMatch {
  std::int64_t index = 0;    ///< the mask's number in the table
  std::int64_t overlap = 0;  ///< members common to it and the query
  bool operator==(const MaskMatch&) const = default;
};

/// For every query [bits] the min(count, table.size()) masks with the largest overlap, largest
/// first, of equal ones the lowest number first. Exact. The table is read once for all queries,
/// split over `pool`; results do not depend on the number of threads. Throws kInvalidArgument on a
/// negative count or a query of another size, naming it. Thread-safety: reentrant apart from
/// `pool`.
[[nodiscard]] std::vector<std::vector<MaskMatch>> nearest_by_overlap(
    const MaskTable& table, std::span<const BitMask> queries, std::int64_t count, ThreadPool& pool);

/// The best masks seen so far for one query, and what the next one must exceed.
class BestMasks {
 public:
  explicit BestMasks(std::int64_t count) : count_(count) {}
  /// A mask with less overlap than this, or as much and a higher number than all seen, is of no
  /// interest.
  [[nodiscard]] std::uint64_t wanted() const noexcept { return wanted_; }
  /// Numbers must come in rising order.
  void offer(MaskMatch match);
  /// Largest overlap first, of equal ones the lowest number first.
  [[nodiscard]] std::vector<MaskMatch> sorted() const;

 private:
  std::int64_t count_;
  std::uint64_t wanted_ = 0;
  std::vector<MaskMatch> heap_;  // the worst on top
};

/// Offers every mask of groups [first, last) that is of interest to `best` [queries], queries being
/// pointers to [words]. Unchecked. Thread-safety: reentrant, serial.
void scan_groups(const MaskTable& table, std::int64_t first, std::int64_t last,
                 std::span<const std::uint64_t* const> queries, std::span<BestMasks> best);

}  // namespace pema::kernels
