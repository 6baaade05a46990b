/// Queues a kernel: on a stream under nvcc, at once in the emulator (tests/simt) elsewhere.
/// Included by the .cu files only.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/simt.h"
#include "pema/error.h"

namespace pema::kernels::cuda {

/// kernel(argument) over the plan's grid. Throws kInvalidArgument when the grid is larger than CUDA
/// allows, kInternal when CUDA refuses the launch.
template <typename Argument>
void launch(void (*kernel)(Argument), const LaunchPlan& plan, Stream stream,
            const Argument& argument) {
  PEMA_CHECK(plan.grid_x <= 0x7fffffff && plan.grid_y <= 0xffff, kInvalidArgument, "a grid of ",
             plan.grid_x, " x ", plan.grid_y, " blocks is more than CUDA launches; split the call");
  if (plan.grid_x == 0 || plan.grid_y == 0) return;
  const dim3 grid(static_cast<unsigned>(plan.grid_x), static_cast<unsigned>(plan.grid_y));
#ifdef __CUDACC__
  kernel<<<grid, plan.threads, 0, stream>>>(argument);
  const cudaError_t code = cudaGetLastError();
  PEMA_CHECK(code == cudaSuccess, kInternal, "CUDA refused a launch: ", cudaGetErrorString(code));
#else
  static_cast<void>(stream);
  simt::launch(kernel, grid, dim3(plan.threads), 0, argument);
#endif
}

}  // namespace pema::kernels::cuda
