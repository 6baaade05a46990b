/// The one kernel here that is not the library's: warps that exchange through shared memory, for
/// the defect that no kernel of kernels/cuda could have.
#pragma once

namespace simt::defects {

/// out[i] = in[i ^ 31] for i < 64: each warp reverses its own 32 numbers.
void reverse_in_warps(const float* in, float* out);

}  // namespace simt::defects
