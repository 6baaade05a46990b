/// The norm of a sum of rows from the rows' Gram matrix.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

struct GramNorm {
  const float* gram;  // [R, stride]
  std::int64_t stride;
  const std::int32_t* begin;  // [rows + 1]
  const std::int32_t* index;  // [entries]
  const float* weight;        // [entries]
  float width;
  float eps;
  float* inverse;  // [rows]
  float* scaled;   // [entries] or null
};

/// inverse = 1 / sqrt(max(w' G w, 0) / width + eps). One block per batch row; a warp takes every
/// fourth f, its lanes the g. Grid: gram_norm_plan.
static PEMA_GLOBAL void __launch_bounds__(kGramThreads) gram_norm_kernel(GramNorm a) {
  constexpr int kWarps = kGramThreads / kWarp;
  SIMT_SHARED(float, parts, kWarps);
  const int tid = static_cast<int>(threadIdx.x);
  const int lane = tid % kWarp;
  const int warp = tid / kWarp;
  const int first = a.begin[blockIdx.x];
  const int end = a.begin[blockIdx.x + 1];
  float square = 0;
  for (int f = first + warp; f < end; f += kWarps) {
    const float* const row = a.gram + a.index[f] * a.stride;
    float sum = 0;
    for (int g = first + lane; g < end; g += kWarp) sum += a.weight[g] * row[a.index[g]];
    square += a.weight[f] * sum;
  }
  square = warp_sum(square);
  if (lane == 0) parts[warp] = square;
  __syncthreads();
  float total = 0;
  for (int w = 0; w < kWarps; ++w) total += parts[w];
  // Not fmaxf, which would hide a NaN.
  const float inverse = 1.0F / sqrtf((total < 0.0F ? 0.0F : total) / a.width + a.eps);
  if (tid == 0) a.inverse[blockIdx.x] = inverse;
  if (a.scaled == nullptr) return;
  for (int e = first + tid; e < end; e += kGramThreads) a.scaled[e] = a.weight[e] * inverse;
}

}  // namespace pema::kernels::cuda
