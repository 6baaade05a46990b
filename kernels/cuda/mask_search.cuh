/// Sizes of masks, and the masks of a table that overlap most with a query.
///
/// A warp keeps its best masks of a query sorted, one per lane, as keys that compare as wanted: the
/// overlap above, below it the number counted down, so that of equal overlaps the lowest number
/// wins.
#pragma once

#include "kernels/cuda/best_keys.cuh"
#include "kernels/cuda/launch_plan.h"

namespace pema::kernels::cuda {

inline constexpr BestKey kLowKey = (BestKey{1} << 40U) - 1;

struct MaskTableView {
  const std::uint64_t* groups;  // [ceil(masks / 8)] of [words, 8]
  std::int64_t masks;
  std::int64_t words;
};

PEMA_DEVICE std::uint64_t mask_word(const MaskTableView& t, std::int64_t mask, std::int64_t word) {
  return t.groups[(mask / kMaskGroup * t.words + word) * kMaskGroup + mask % kMaskGroup];
}

struct MaskSizes {
  MaskTableView table;
  std::int32_t* size;  // [masks]
};

/// One thread per mask: a warp reads four groups, 64 bytes of each at a time. Grid:
/// mask_sizes_plan.
static PEMA_GLOBAL void __launch_bounds__(kSearchWarps* kWarp) mask_sizes_kernel(MaskSizes a) {
  const std::int64_t mask =
      static_cast<std::int64_t>(blockIdx.x) * kSearchWarps * kWarp + threadIdx.x;
  if (mask >= a.table.masks) return;
  int size = 0;
  for (std::int64_t w = 0; w < a.table.words; ++w) size += __popcll(mask_word(a.table, mask, w));
  a.size[mask] = size;
}

struct MaskSearch {
  MaskTableView table;
  const std::uint64_t* queries;  // [queries, words]
  std::int64_t query_count;
  int count;
  std::int64_t warps;
  BestKey* best;          // [queries, warps, 32]
  std::int64_t* index;    // [queries, count]
  std::int32_t* overlap;  // [queries, count]
};

/// The best of kMasksPerWarp masks for kSearchQueries queries. Grid: mask_search_plan.
static PEMA_GLOBAL void __launch_bounds__(kSearchWarps* kWarp) mask_search_kernel(MaskSearch a) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t warp =
      static_cast<std::int64_t>(blockIdx.x) * kSearchWarps + threadIdx.x / kWarp;
  if (warp >= a.warps) return;
  const std::int64_t first_query = static_cast<std::int64_t>(blockIdx.y) * kSearchQueries;
  const int queries =
      static_cast<int>(min(static_cast<std::int64_t>(kSearchQueries), a.query_count - first_query));
  const std::int64_t end = min(a.table.masks, (warp + 1) * kMasksPerWarp);
  BestKey best[kSearchQueries];
  PEMA_UNROLL
  for (int q = 0; q < kSearchQueries; ++q) best[q] = 0;
  for (std::int64_t base = warp * kMasksPerWarp; base < end; base += kWarp) {
    const std::int64_t mask = base + lane;
    int overlap[kSearchQueries];
    PEMA_UNROLL
    for (int q = 0; q < kSearchQueries; ++q) overlap[q] = 0;
    for (std::int64_t w = 0; mask < end && w < a.table.words; ++w) {
      const std::uint64_t word = mask_word(a.table, mask, w);
      PEMA_UNROLL
      for (int q = 0; q < kSearchQueries; ++q) {
        if (q < queries) {
          overlap[q] += __popcll(word & a.queries[(first_query + q) * a.table.words + w]);
        }
      }
    }
    PEMA_UNROLL
    for (int q = 0; q < kSearchQueries; ++q) {
      if (q >= queries) break;
      const BestKey key = mask < end ? (static_cast<BestKey>(overlap[q] + 1) << 40U) +
                                           (kLowKey - static_cast<BestKey>(mask))
                                     : 0;
      keep_best(best[q], key, a.count);
    }
  }
  PEMA_UNROLL
  for (int q = 0; q < kSearchQueries; ++q) {
    if (q < queries) a.best[((first_query + q) * a.warps + warp) * kWarp + lane] = best[q];
  }
}

/// Joins what the warps found for one query. Grid: mask_merge_plan.
static PEMA_GLOBAL void __launch_bounds__(kMergeWarps* kWarp) mask_merge_kernel(MaskSearch a) {
  SIMT_SHARED(BestKey, keys, kMergeWarps * kWarp);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const auto query = static_cast<std::int64_t>(blockIdx.x);
  BestKey best = 0;
  for (std::int64_t w = warp; w < a.warps; w += kMergeWarps) {
    keep_best(best, a.best[(query * a.warps + w) * kWarp + lane], a.count);
  }
  if (!join_warps(best, keys, a.count)) return;
  if (lane >= a.count) return;
  const bool found = best != 0;
  a.index[query * a.count + lane] =
      found ? static_cast<std::int64_t>(kLowKey - (best & kLowKey)) : -1;
  a.overlap[query * a.count + lane] = static_cast<std::int32_t>(best >> 40U) - 1;
}

}  // namespace pema::kernels::cuda
