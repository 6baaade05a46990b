#include "kernels/cuda/device.h"
#include "kernels/cuda/runtime.h"
#include "pema/error.h"

namespace pema::kernels::cuda {

std::shared_ptr<Runtime> open_runtime(int /*number*/) {
  fail(ErrorCode::kUnsupported, device_status().reason);
}

}  // namespace pema::kernels::cuda
