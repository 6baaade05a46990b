/// The norm before the head, of rows of deltas in place.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

struct RmsNorm {
  float* h;  // [rows, stride]
  std::int64_t stride;
  const float* gain;  // [width]
  std::int64_t width;
  float eps;
};

/// h = h / sqrt(mean h^2 + eps) * gain. One block per row, its threads every kNormThreads'th
/// column. Grid: rms_norm_plan.
static PEMA_GLOBAL void __launch_bounds__(kNormThreads) rms_norm_kernel(RmsNorm a) {
  constexpr int kWarps = kNormThreads / kWarp;
  SIMT_SHARED(float, parts, kWarps);
  const int tid = static_cast<int>(threadIdx.x);
  float* const row = a.h + static_cast<std::int64_t>(blockIdx.x) * a.stride;
  float squares = 0;
  for (std::int64_t c = tid; c < a.width; c += kNormThreads) squares += row[c] * row[c];
  squares = warp_sum(squares);
  if (tid % kWarp == 0) parts[tid / kWarp] = squares;
  __syncthreads();
  float total = 0;
  for (int w = 0; w < kWarps; ++w) total += parts[w];
  const float inverse = 1.0F / sqrtf(total / static_cast<float>(a.width) + a.eps);
  for (std::int64_t c = tid; c < a.width; c += kNormThreads) row[c] = row[c] * inverse * a.gain[c];
}

}  // namespace pema::kernels::cuda
