#include "kernels/cuda/device.h"

namespace pema::kernels::cuda {

DeviceStatus device_status() { return {false, 0, 0, "this build of pema has no CUDA"}; }

bool built_with_cuda() noexcept { return false; }

}  // namespace pema::kernels::cuda
