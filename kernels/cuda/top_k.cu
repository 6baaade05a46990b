#include "kernels/cuda/top_k.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/launch.h"

namespace pema::kernels::cuda {

void top_k(const DeviceTopK& op, Stream stream) {
  check_rows(op.values, "top_k");
  PEMA_CHECK(op.values.type == Element::kFloat32, kUnsupported, "top_k: values are f32");
  PEMA_CHECK(op.count >= 0 && op.count <= kMaxNearest, kUnsupported, "top_k: ", op.count,
             " words; at most ", kMaxNearest, " on the device");
  PEMA_CHECK(op.values.cols <= std::numeric_limits<std::int32_t>::max(), kInvalidArgument,
             "top_k: ", op.values.cols, " words in a row");
  if (op.count == 0 || op.values.rows == 0) return;
  PEMA_CHECK(op.index != nullptr && op.value != nullptr, kInvalidArgument, "top_k: no output");
  launch(top_k_kernel, top_k_plan(op.values.rows), stream,
         TopK{static_cast<const float*>(op.values.data), op.values.stride,
              static_cast<int>(op.values.cols), static_cast<int>(op.count), op.index, op.value});
}

}  // namespace pema::kernels::cuda
