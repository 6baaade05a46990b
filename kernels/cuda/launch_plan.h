/// How every kernel is launched: tile sizes and grids, as plain C++ that the CUDA side, the
/// emulator and the tests share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cuda/ops.h"

namespace pema::kernels::cuda {

inline constexpr int kWarp = 32;

// compose and project: a block takes kRowThreads pieces of 16 bytes side by side, for several sums.
inline constexpr int kRowThreads = 128;  ///< also the pool rows that are looked at in one go
inline constexpr int kRowBatch = 4;      ///< loads in flight per thread
inline constexpr std::int64_t kMaxPoolRows = std::int64_t{1} << 20;
/// Sums per block: 32 accumulators per thread (64 for int8).
template <int kElementBytes>
inline constexpr int kSumsPerBlock = kElementBytes == 4 ? 8 : 4;

inline constexpr int kQuantiseWarps = 4;  ///< rows per block

// bottleneck
inline constexpr int kRowsPerTile = 8;
inline constexpr int kTileLatents = 8;
inline constexpr int kTileThreads = 128;
inline constexpr int kSlab = 128;      ///< columns per stage of the down kernel
inline constexpr int kSlabPad = 4;     ///< floats (16 bytes): rows start 4 banks apart
inline constexpr int kUpLatents = 32;  ///< latents whose weights are held at a time

// gate
inline constexpr int kGateWarps = 4;
inline constexpr int kGateEntries = 16;  ///< of one row, per block
inline constexpr int kGateSlab = 2048;   ///< columns of x that are held at a time

inline constexpr int kGramThreads = 128;
inline constexpr int kNormThreads = 128;

// interpolate: one block per stretch of a row, four pieces of 4 logits per thread.
inline constexpr int kMixThreads = 256;
inline constexpr int kMixPieces = 4;
inline constexpr int kMixColumns = kMixThreads * kMixPieces * 4;

// mask search
inline constexpr int kSearchWarps = 4;
inline constexpr int kSearchQueries = 4;  ///< per warp, so that the table is read once for them
inline constexpr int kMasksPerWarp = 2048;
inline constexpr int kMergeWarps = 8;
inline constexpr int kMaskGroup = 8;

/// One launch. Nothing is launched when a size of the grid is 0.
struct LaunchPlan {
  std::int64_t grid_x = 0;
  std::int64_t grid_y = 1;
  unsigned threads = 0;
};

[[nodiscard]] constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
[[nodiscard]] constexpr std::int64_t element_bytes(Element type) {
  return type == Element::kFloat32 ? 4 : type == Element::kInt8 ? 1 : 2;
}

/// Grid of compose and project: x groups of sums, y tiles of columns, so that blocks that run at
/// the same time read the same columns.
[[nodiscard]] constexpr LaunchPlan row_sums_plan(Element type, std::int64_t sums,
                                                 std::int64_t cols) {
  const std::int64_t bytes = element_bytes(type);
  return {ceil_div(sums, bytes == 4 ? kSumsPerBlock<4> : kSumsPerBlock<2>),
          ceil_div(cols, kRowThreads * (16 / bytes)), kRowThreads};
}
static_assert(kSumsPerBlock<1> == kSumsPerBlock<2>);

[[nodiscard]] constexpr LaunchPlan quantise_plan(std::int64_t rows) {
  return {ceil_div(rows, kQuantiseWarps), 1, kQuantiseWarps * kWarp};
}
[[nodiscard]] constexpr LaunchPlan down_plan(std::int64_t tiles, std::int64_t latents) {
  return {tiles, ceil_div(latents, kTileLatents), kTileThreads};
}
[[nodiscard]] constexpr LaunchPlan up_plan(std::int64_t tiles, std::int64_t width) {
  return {tiles, ceil_div(width, kTileThreads * 4), kTileThreads};
}
[[nodiscard]] constexpr LaunchPlan gate_plan(std::int64_t rows, std::int64_t longest) {
  return {rows, ceil_div(longest, kGateEntries), kGateWarps * kWarp};
}
[[nodiscard]] constexpr LaunchPlan gram_norm_plan(std::int64_t rows) {
  return {rows, 1, kGramThreads};
}
[[nodiscard]] constexpr LaunchPlan rms_norm_plan(std::int64_t rows) {
  return {rows, 1, kNormThreads};
}
/// x rows, y stretches of kMixColumns: fixed, so that a row's bits depend on V and not on the
/// batch.
[[nodiscard]] constexpr LaunchPlan mix_plan(std::int64_t rows, std::int64_t vocab) {
  return {rows, ceil_div(vocab, kMixColumns), kMixThreads};
}
[[nodiscard]] constexpr std::int64_t search_warps(std::int64_t masks) {
  return ceil_div(masks, kMasksPerWarp);
}
[[nodiscard]] constexpr LaunchPlan mask_sizes_plan(std::int64_t masks) {
  return {ceil_div(masks, kSearchWarps * kWarp), 1, kSearchWarps * kWarp};
}
[[nodiscard]] constexpr LaunchPlan mask_search_plan(std::int64_t masks, std::int64_t queries) {
  return {ceil_div(search_warps(masks), kSearchWarps), ceil_div(queries, kSearchQueries),
          kSearchWarps * kWarp};
}
/// The second half of the search: one block per query.
[[nodiscard]] constexpr LaunchPlan mask_merge_plan(std::int64_t queries) {
  return {queries, 1, kMergeWarps * kWarp};
}

/// One block per row.
[[nodiscard]] constexpr LaunchPlan top_k_plan(std::int64_t rows) {
  return {rows, 1, kMergeWarps * kWarp};
}

/// Splits every group's rows into tiles of at most kRowsPerTile. begin [groups + 1]: group g has
/// the places begin[g] to begin[g + 1] of the order. Throws kInvalidArgument when begin falls.
[[nodiscard]] std::vector<RowTile> row_tiles(std::span<const std::int32_t> begin);

}  // namespace pema::kernels::cuda
