/// Latent values that masks select, each the dot product of a pool row and the batch row's feature.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

template <typename T>
struct Gate {
  const T* down;  // [R, down_stride]
  std::int64_t down_stride;
  float scale;
  const void* x;  // [rows, x_stride] of x_type
  Element x_type;
  std::int64_t x_stride;
  std::int64_t width;
  const std::int32_t* begin;  // [rows + 1]
  const std::int32_t* index;  // [entries]
  const float* gain;          // [entries]
  float* out;                 // [entries]
};

PEMA_DEVICE float feature(const void* x, Element type, std::int64_t at) {
  if (type == Element::kFloat16) return simt::to_float(static_cast<const simt::half_t*>(x)[at]);
  if (type == Element::kBfloat16) return simt::to_float(static_cast<const simt::bf16_t*>(x)[at]);
  return static_cast<const float*>(x)[at];
}

/// out[e] = gain[e] * scale * <A[index e], x>, kGateEntries entries of one batch row per block. The
/// feature passes through shared memory, kGateSlab columns at a time; a warp has kGateEntries /
/// kGateWarps entries, its lanes pieces of 16 bytes in turn. Grid: gate_plan.
template <typename T>
PEMA_GLOBAL void __launch_bounds__(kGateWarps* kWarp) gate_kernel(Gate<T> a) {
  constexpr int kLanes = Piece<T>::kLanes;
  constexpr int kEach = kGateEntries / kGateWarps;
  SIMT_SHARED(float, x, kGateSlab);
  const int tid = static_cast<int>(threadIdx.x);
  const int lane = tid % kWarp;
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  const int first = a.begin[row] + static_cast<int>(blockIdx.y) * kGateEntries;
  const int end = min(a.begin[row + 1], first + kGateEntries);
  if (first >= end) return;  // the whole block
  const int mine = first + tid / kWarp * kEach;
  float sum[kEach];
  PEMA_UNROLL
  for (int e = 0; e < kEach; ++e) sum[e] = 0;
  for (std::int64_t slab = 0; slab < a.width; slab += kGateSlab) {
    const int columns = static_cast<int>(min(static_cast<std::int64_t>(kGateSlab), a.width - slab));
    for (int c = tid; c < columns; c += kGateWarps * kWarp) {
      x[c] = feature(a.x, a.x_type, row * a.x_stride + slab + c);
    }
    __syncthreads();
    for (int c = lane * kLanes; c < columns; c += kWarp * kLanes) {
      Words piece[kEach];
      PEMA_UNROLL
      for (int e = 0; e < kEach; ++e) {
        if (mine + e < end) {
          piece[e] = load_words(a.down + a.index[mine + e] * a.down_stride + slab + c);
        }
      }
      PEMA_UNROLL
      for (int i = 0; i < kLanes; ++i) {
        if (c + i >= columns) break;
        const float value = x[c + i];
        PEMA_UNROLL
        for (int e = 0; e < kEach; ++e) {
          if (mine + e < end) {
            sum[e] += value * static_cast<float>(Piece<T>::value(piece[e], i));
          }
        }
      }
    }
    __syncthreads();
  }
  PEMA_UNROLL
  for (int e = 0; e < kEach; ++e) {
    const float total = warp_sum(sum[e]);
    if (lane == 0 && mine + e < end) a.out[mine + e] = a.gain[mine + e] * (a.scale * total);
  }
}

}  // namespace pema::kernels::cuda
