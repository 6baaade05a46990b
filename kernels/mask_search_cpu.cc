// The body of scan_groups, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>

#include "kernels/mask_search.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mask_search_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A lane is a mask; a group is one vector of AVX-512, two of AVX2.
using Tag = hn::CappedTag<std::uint64_t, MaskTable::kGroup>;
// Queries that pass over a group together: each word of it is loaded once for all of them.
constexpr std::int64_t kTile = 4;
// Words whose bit counts, at most 8 per byte, are added before a byte could overflow.
constexpr std::int64_t kWordsPerSum = 31;

#if HWY_TARGET == HWY_SCALAR
using Sum = hn::Vec<Tag>;
HWY_INLINE Sum no_bits() { return hn::Zero(Tag()); }
HWY_INLINE Sum add_bits(Sum sum, hn::Vec<Tag> word) {
  return hn::Add(sum, hn::PopulationCount(word));
}
HWY_INLINE hn::Vec<Tag> total(Sum sum) { return sum; }
#else
// The bits of every byte apart: AVX2 has a table of 16 for bytes, nothing for words.
using Bytes = hn::Repartition<std::uint8_t, Tag>;
using Sum = hn::Vec<Bytes>;
HWY_INLINE Sum no_bits() { return hn::Zero(Bytes()); }
HWY_INLINE Sum add_bits(Sum sum, hn::Vec<Tag> word) {
  return hn::Add(sum, hn::PopulationCount(hn::BitCast(Bytes(), word)));
}
HWY_INLINE hn::Vec<Tag> total(Sum sum) { return hn::SumsOf8(sum); }
#endif

// counts[q][lane] = overlap of query q and the mask of that lane, for the lanes from `group` on.
template <std::int64_t kQueries>
HWY_INLINE void count_lanes(const std::uint64_t* HWY_RESTRICT group, std::int64_t words,
                            const std::uint64_t* const* HWY_RESTRICT queries,
                            hn::Vec<Tag> (&counts)[kQueries]) {
  const Tag tag;
  for (auto& count : counts) count = hn::Zero(tag);
  for (std::int64_t first = 0; first < words; first += kWordsPerSum) {
    const std::int64_t last = std::min(words, first + kWordsPerSum);
    Sum sums[kQueries];
    for (Sum& sum : sums) sum = no_bits();
    for (std::int64_t w = first; w < last; ++w) {
      const auto masks = hn::LoadU(tag, group + w * MaskTable::kGroup);
      for (std::int64_t q = 0; q < kQueries; ++q) {
        sums[q] = add_bits(sums[q], hn::And(masks, hn::Set(tag, queries[q][w])));
      }
    }
    for (std::int64_t q = 0; q < kQueries; ++q) counts[q] = hn::Add(counts[q], total(sums[q]));
  }
}

template <std::int64_t kQueries>
void scan_tile(const MaskTable& table, std::int64_t first, std::int64_t last,
               const std::uint64_t* const* queries, BestMasks* best) {
  const Tag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const std::int64_t words = table.words();
  for (std::int64_t g = first; g < last; ++g) {
    const std::uint64_t* const group = table.groups().data() + g * words * MaskTable::kGroup;
    for (std::int64_t lane = 0; lane < MaskTable::kGroup; lane += lanes) {
      hn::Vec<Tag> counts[kQueries];
      count_lanes<kQueries>(group + lane, words, queries, counts);
      for (std::int64_t q = 0; q < kQueries; ++q) {
        const auto few = hn::Lt(counts[q], hn::Set(tag, best[q].wanted()));
        if (HWY_LIKELY(hn::AllTrue(tag, few))) continue;
        HWY_ALIGN std::uint64_t found[MaskTable::kGroup];
        hn::Store(counts[q], tag, found);
        const std::int64_t start = g * MaskTable::kGroup + lane;
        for (std::int64_t i = 0; i < std::min(lanes, table.size() - start); ++i) {
          if (found[i] < best[q].wanted()) continue;
          best[q].offer({start + i, static_cast<std::int64_t>(found[i])});
        }
      }
    }
  }
}

void scan_body(const MaskTable& table, std::int64_t first, std::int64_t last,
               std::span<const std::uint64_t* const> queries, std::span<BestMasks> best) {
  std::size_t q = 0;
  for (; q + kTile <= queries.size(); q += kTile) {
    scan_tile<kTile>(table, first, last, queries.data() + q, best.data() + q);
  }
  for (; q < queries.size(); ++q) {
    scan_tile<1>(table, first, last, queries.data() + q, best.data() + q);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(scan_body);

void scan_groups(const MaskTable& table, std::int64_t first, std::int64_t last,
                 std::span<const std::uint64_t* const> queries, std::span<BestMasks> best) {
  HWY_DYNAMIC_DISPATCH(scan_body)(table, first, last, queries, best);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
