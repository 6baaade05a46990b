#include "tests/simt/defects/warp_tile.h"

#include "kernels/cuda/simt.h"

namespace simt::defects {
namespace {

PEMA_GLOBAL void reverse_in_warps_kernel(const float* in, float* out) {
  SIMT_SHARED(float, tile, 64);
  const unsigned t = threadIdx.x;
  tile[t] = in[t];
  if constexpr (!PEMA_SEEDED(14)) __syncwarp();
  out[t] = tile[t ^ 31U];
}

}  // namespace

void reverse_in_warps(const float* in, float* out) {
  launch(reverse_in_warps_kernel, 1, 64, 0, in, out);
}

}  // namespace simt::defects
