/// Is there a GPU that the kernels can run on?
#pragma once

#include <string>

namespace pema::kernels::cuda {

struct DeviceStatus {
  bool usable = false;
  int code = 0;        ///< cudaError_t; 35 (driver absent or too old) and 100 (no device) are usual
  int count = 0;       ///< devices
  std::string reason;  ///< why not usable; empty otherwise
};

/// Asks the driver. Never throws for want of a GPU, in a build without CUDA it says that. The first
/// call may take long (it starts the driver). Thread-safety: reentrant.
[[nodiscard]] DeviceStatus device_status();

/// Whether this build has the kernels.
[[nodiscard]] bool built_with_cuda() noexcept;

}  // namespace pema::kernels::cuda
