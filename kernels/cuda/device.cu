#include "kernels/cuda/device.h"

#include <cuda_runtime_api.h>

namespace pema::kernels::cuda {

DeviceStatus device_status() {
  DeviceStatus status;
  int count = 0;  // not written on failure
  const cudaError_t code = cudaGetDeviceCount(&count);
  status.code = static_cast<int>(code);
  status.count = count;
  if (code == cudaErrorInsufficientDriver || code == cudaErrorNoDevice) {
    status.reason = std::string("no GPU: ") + cudaGetErrorString(code);
  } else if (code != cudaSuccess) {
    status.reason = std::string("CUDA failed: ") + cudaGetErrorString(code);
  } else if (count == 0) {
    status.reason = "no GPU: the driver counts 0 devices";
  }
  if (code != cudaSuccess) static_cast<void>(cudaGetLastError());  // leave no error behind
  if (!status.reason.empty()) return status;
  int major = 0;
  if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) != cudaSuccess ||
      major < 8) {
    status.reason = "the GPU is older than compute capability 8.0";
    return status;
  }
  status.usable = true;
  return status;
}

bool built_with_cuda() noexcept { return true; }

}  // namespace pema::kernels::cuda
