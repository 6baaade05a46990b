/// The largest keys a warp has seen, sorted, one per lane: the search of masks and of likely words.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

/// What compares as wanted; 0 is nothing.
using BestKey = unsigned long long;

/// Puts every lane's key into the warp's sorted keys. All lanes together.
PEMA_DEVICE void keep_best(BestKey& best, BestKey key, int count) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const BestKey last = __shfl_sync(0xffffffffU, best, count - 1);
  unsigned wanted = __ballot_sync(0xffffffffU, key > last);
  while (wanted != 0) {
    const BestKey next = __shfl_sync(0xffffffffU, key, __ffs(static_cast<int>(wanted)) - 1);
    wanted &= wanted - 1;
    const int place = __popc(__ballot_sync(0xffffffffU, best > next));
    const BestKey above = __shfl_up_sync(0xffffffffU, best, 1);
    if (lane == place) best = next;
    if (lane > place) best = above;
  }
}

/// Joins the sorted keys of all warps of a block into those of warp 0. keys [warps * 32] in shared
/// memory. All threads together; true in warp 0, where `best` is the result.
PEMA_DEVICE bool join_warps(BestKey& best, BestKey* keys, int count) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  keys[threadIdx.x] = best;
  __syncthreads();
  if (static_cast<int>(threadIdx.x) >= kWarp) return false;
  for (int w = 1; w < warps; ++w) keep_best(best, keys[w * kWarp + lane], count);
  return true;
}

}  // namespace pema::kernels::cuda
