#include "kernels/cuda/gram_norm.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/launch.h"

namespace pema::kernels::cuda {

void gram_norm(const DeviceGramNorm& op, Stream stream) {
  check_rows(op.gram, "gram_norm");
  check_csr(op.latents, "gram_norm");
  PEMA_CHECK(op.gram.type == Element::kFloat32, kUnsupported, "gram_norm: the matrix is f32");
  PEMA_CHECK(op.gram.rows == op.gram.cols && op.width > 0, kInvalidArgument, "gram_norm: [",
             op.gram.rows, ", ", op.gram.cols, "] for rows of width ", op.width);
  PEMA_CHECK(op.latents.rows == 0 || op.inverse != nullptr, kInvalidArgument,
             "gram_norm: no output");
  launch(gram_norm_kernel, gram_norm_plan(op.latents.rows), stream,
         GramNorm{static_cast<const float*>(op.gram.data), op.gram.stride, op.latents.begin,
                  op.latents.index, op.latents.weight, static_cast<float>(op.width), op.eps,
                  op.inverse, op.scaled});
}

}  // namespace pema::kernels::cuda
