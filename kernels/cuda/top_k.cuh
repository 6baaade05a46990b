/// The likeliest words of rows of log-probabilities.
#pragma once

#include "kernels/cuda/best_keys.cuh"

namespace pema::kernels::cuda {

struct TopK {
  const float* values;  // [rows, stride]
  std::int64_t stride;
  int cols;
  int count;
  std::int32_t* index;  // [rows, count]
  float* value;         // [rows, count]
};

/// Rises with x, above 0; 0 for NaN.
PEMA_DEVICE unsigned rank_of(float x) {
  const unsigned bits = __float_as_uint(x);
  if (!(x == x)) return 0;
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

/// One block per row; a warp takes every eighth 32 words. Grid: top_k_plan.
static PEMA_GLOBAL void __launch_bounds__(kMergeWarps* kWarp) top_k_kernel(TopK a) {
  SIMT_SHARED(BestKey, keys, kMergeWarps * kWarp);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  const float* const values = a.values + row * a.stride;
  BestKey best = 0;
  for (int base = static_cast<int>(threadIdx.x) - lane; base < a.cols;
       base += kMergeWarps * kWarp) {
    const int word = base + lane;
    const unsigned rank = word < a.cols ? rank_of(values[word]) : 0;
    const BestKey key =
        rank == 0 ? 0
                  : static_cast<BestKey>(rank) << 32U | (0xffffffffU - static_cast<unsigned>(word));
    keep_best(best, key, a.count);
  }
  if (!join_warps(best, keys, a.count)) return;
  if (lane >= a.count) return;
  const int word = best == 0 ? -1 : static_cast<int>(0xffffffffU - static_cast<unsigned>(best));
  a.index[row * a.count + lane] = word;
  a.value[row * a.count + lane] = word < 0 ? -INFINITY : values[word];
}

}  // namespace pema::kernels::cuda
