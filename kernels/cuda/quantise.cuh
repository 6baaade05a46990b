/// Weights of sums over int8 rows, rounded to int16 so that the int32 sums cannot overflow.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

struct Quantise {
  const std::int32_t* begin;  // [rows + 1]
  const float* weight;        // [entries]
  int rows;
  std::int16_t* quantised;  // [entries]
  float* step;              // [rows]
};

/// step = max(max |w| / 32767, sum |w| / (2^24 - 1 - n / 2)) and q = w / step rounded, for each row
/// of n <= 2^20 weights. Then |q| <= 32767 and sum |q| <= 2^24 - 1, so that sum |q| * 128 < 2^31;
/// the error of a weight is at most step / 2. The float sum of |w| may be 2^-9 too small (n / 32 +
/// 5 roundings), so 2^-8 is added. A row of zeros has step 0; NaN or infinite weights give a NaN
/// step. One warp per row. Grid: quantise_plan.
static PEMA_GLOBAL void __launch_bounds__(kQuantiseWarps* kWarp) quantise_kernel(Quantise a) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kQuantiseWarps +
                           static_cast<int>(threadIdx.x) / kWarp;
  if (row >= a.rows) return;
  const int first = a.begin[row];
  const int end = a.begin[row + 1];
  float largest = 0.0F;
  float sum = 0.0F;
  for (int e = first + lane; e < end; e += kWarp) {
    const float size = fabsf(a.weight[e]);
    largest = fmaxf(largest, size);
    sum += size;
  }
  largest = warp_max(largest);
  sum = warp_sum(sum);
  const float room = 16777215.0F - 0.5F * static_cast<float>(end - first);
  float step = fmaxf(largest / 32767.0F, sum * (1.0F + 0x1p-8F) / room);
  if (!(sum - sum == 0.0F)) step = sum - sum;  // NaN
  const bool usable = step > 0.0F;
  for (int e = first + lane; e < end; e += kWarp) {
    const float q = usable ? floorf(a.weight[e] / step + 0.5F) : 0.0F;
    a.quantised[e] = static_cast<std::int16_t>(fminf(fmaxf(q, -32767.0F), 32767.0F));
  }
  if (lane == 0) a.step[row] = step;
}

}  // namespace pema::kernels::cuda
