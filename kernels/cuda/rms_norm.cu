#include "kernels/cuda/rms_norm.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/launch.h"

namespace pema::kernels::cuda {

void rms_norm(const DeviceNorm& op, Stream stream) {
  check_out(op.rows, op.rows.rows, op.rows.cols, "rms_norm");
  if (op.rows.rows == 0) return;
  PEMA_CHECK(op.rows.cols > 0 && op.gain != nullptr, kInvalidArgument, "rms_norm: rows of width ",
             op.rows.cols, op.gain == nullptr ? " without a gain" : "");
  launch(rms_norm_kernel, rms_norm_plan(op.rows.rows), stream,
         RmsNorm{op.rows.data, op.rows.stride, op.gain, op.rows.cols, op.eps});
}

}  // namespace pema::kernels::cuda
