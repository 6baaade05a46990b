/// Sums of chosen rows of one matrix, several sums per block: compose and project.
///
/// A block owns a tile of columns and kSums sums. It goes through the matrix kRowThreads rows at a
/// time: every thread looks up which of the block's sums take its row, the rows that any takes are
/// listed, and each listed row is loaded once (16 bytes per thread) and added to all sums that take
/// it. So what is loaded grows with the union of the selections and not with the sums. A sum's
/// entries are added by rising row, whatever the other sums of the block take.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

enum class Choice { kBits, kCsr };

template <typename T>
struct RowSumWeight {
  using type = float;
};
template <>
struct RowSumWeight<int8_value> {
  using type = std::int16_t;
};

template <typename T>
struct RowSums {
  const T* rows;  // [row_count, stride]
  std::int64_t stride;
  int row_count;
  std::int64_t cols;
  int sums;
  const std::uint64_t* bits;  // kBits: [sums, mask_words]
  std::int64_t mask_words;
  const std::int32_t* begin;  // kCsr: [sums + 1], [entries], [entries]
  const std::int32_t* index;
  const typename RowSumWeight<T>::type* weight;
  const float* factor;  // [sums] what a finished sum is multiplied by besides scale; null: nothing
  float scale;
  float* out;  // [sums, out_stride]
  std::int64_t out_stride;
};

/// kAdd: out += sum. Grid: row_sums_plan.
template <typename T, Choice kChoice, bool kAdd>
PEMA_GLOBAL void __launch_bounds__(kRowThreads) row_sums_kernel(RowSums<T> a) {
  using Value = typename Piece<T>::Value;
  constexpr int kLanes = Piece<T>::kLanes;
  constexpr int kSums = kSumsPerBlock<sizeof(T)>;
  constexpr bool kCsr = kChoice == Choice::kCsr;
  SIMT_SHARED(unsigned, list, kRowThreads);  // row - base, and from bit 16 the sums that take it
  SIMT_SHARED(int, warp_counts, kRowThreads / kWarp);
  SIMT_SHARED(Value, weights, kCsr ? kSums * kRowThreads : 1);  // [kSums][kRowThreads]
  SIMT_SHARED(int, cursors, 2 * kSums);                         // kCsr: next entry, two in turn
  const int tid = static_cast<int>(threadIdx.x);
  const int lane = tid % kWarp;
  const int warp = tid / kWarp;
  const int first = static_cast<int>(blockIdx.x) * kSums;
  const int here = min(kSums, a.sums - first);
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * kRowThreads + tid) * kLanes;
  const bool inside = PEMA_SEEDED(5) ? column <= a.cols : column < a.cols;

  Value sum[kSums][kLanes];
  PEMA_UNROLL
  for (int p = 0; p < kSums; ++p) {
    PEMA_UNROLL
    for (int i = 0; i < kLanes; ++i) sum[p][i] = 0;
  }
  if (kCsr && tid < here) cursors[tid] = a.begin[first + tid];

  int turn = 0;
  for (int base = 0; base < a.row_count; base += kRowThreads) {
    unsigned takers = 0;
    if constexpr (kCsr) {
      for (int p = 0; p < kSums; ++p) weights[p * kRowThreads + tid] = 0;
      __syncthreads();
      for (int p = 0; p < here; ++p) {
        const int entry = cursors[turn * kSums + p] + tid;
        const int end = a.begin[first + p + 1];
        const int beyond = base + kRowThreads;
        const bool in = entry < end && a.index[entry] < beyond;
        if (in) weights[p * kRowThreads + a.index[entry] - base] = a.weight[entry];
        // One thread finds where the next rows' entries begin.
        if (in && (entry + 1 == end || a.index[entry + 1] >= beyond)) {
          cursors[(1 - turn) * kSums + p] = entry + 1;
        } else if (!in && tid == 0) {
          cursors[(1 - turn) * kSums + p] = entry;
        }
      }
      __syncthreads();
      turn = 1 - turn;
      for (int p = 0; p < kSums; ++p) {
        if (weights[p * kRowThreads + tid] != 0) takers |= 1U << p;
      }
      if (base + tid >= a.row_count) takers = 0;
    } else {
      const int row = base + tid;
      for (int p = 0; p < here && row < a.row_count; ++p) {
        const std::uint64_t word = a.bits[(first + p) * a.mask_words + row / 64];
        takers |= static_cast<unsigned>(word >> (row % 64) & 1U) << p;
      }
    }

    unsigned taken = 0;
    if constexpr (PEMA_SEEDED(3)) {
      if (takers != 0) taken = __ballot_sync(0xffffffffU, 1);
    } else {
      taken = __ballot_sync(0xffffffffU, takers != 0);
    }
    if (lane == 0) warp_counts[warp] = __popc(taken);
    if constexpr (!PEMA_SEEDED(1)) __syncthreads();
    int place = __popc(taken & ((1U << lane) - 1U));
    int listed = 0;
    for (int w = 0; w < kRowThreads / kWarp; ++w) {
      if (w < warp) place += warp_counts[w];
      listed += warp_counts[w];
    }
    if constexpr (PEMA_SEEDED(12)) place += 400;
    if (takers != 0) list[place] = static_cast<unsigned>(tid) | takers << 16U;
    __syncthreads();

    const int last = PEMA_SEEDED(2) ? listed + 1 : listed;
    for (int at = 0; inside && at < last; at += kRowBatch) {
      unsigned entry[kRowBatch];
      Words piece[kRowBatch];
      PEMA_UNROLL
      for (int b = 0; b < kRowBatch; ++b) {
        entry[b] = at + b < last ? list[at + b] : 0U;
        if (entry[b] != 0) {
          const auto row = base + static_cast<std::int64_t>(entry[b] & 0xffffU);
          piece[b] = load_words(a.rows + row * a.stride + column);
        }
      }
      PEMA_UNROLL
      for (int b = 0; b < kRowBatch; ++b) {
        PEMA_UNROLL
        for (int p = 0; p < kSums; ++p) {
          if ((entry[b] >> (16 + p) & 1U) == 0) continue;
          Value w = 1;
          if constexpr (kCsr) w = weights[p * kRowThreads + (entry[b] & 0xffffU)];
          PEMA_UNROLL
          for (int i = 0; i < kLanes; ++i) sum[p][i] += w * Piece<T>::value(piece[b], i);
        }
      }
    }
    // The next rows' weights are written at once, their list only behind a barrier.
    if constexpr (kCsr && !PEMA_SEEDED(4)) __syncthreads();
  }

  if (!inside) return;
  PEMA_UNROLL
  for (int p = 0; p < kSums; ++p) {
    if (p >= here) break;
    const float factor = a.factor == nullptr ? a.scale : a.scale * a.factor[first + p];
    float* const out = a.out + (first + p) * a.out_stride + column;
    PEMA_UNROLL
    for (int i = 0; i < kLanes; i += 4) {
      if (column + i >= a.cols) break;
      const float4 value = make_float4(
          static_cast<float>(sum[p][i]) * factor, static_cast<float>(sum[p][i + 1]) * factor,
          static_cast<float>(sum[p][i + 2]) * factor, static_cast<float>(sum[p][i + 3]) * factor);
      if constexpr (kAdd) {
        add_four(out + i, value, a.cols - column - i);
      } else {
        store_four(out + i, value, a.cols - column - i);
      }
    }
  }
}

}  // namespace pema::kernels::cuda
