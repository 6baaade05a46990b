#include "kernels/cuda/interpolate.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/launch.h"

namespace pema::kernels::cuda {
namespace {

void check_source(const DeviceRows& source, const float* weight, const DeviceOut& out,
                  const char* name) {
  check_rows(source, name);
  PEMA_CHECK(source.type == Element::kFloat32, kUnsupported, name, ": logits are f32");
  PEMA_CHECK(source.rows == out.rows && source.cols == out.cols, kInvalidArgument, name, ": [",
             source.rows, ", ", source.cols, "] for results of [", out.rows, ", ", out.cols, "]");
  PEMA_CHECK(weight != nullptr || out.rows == 0, kInvalidArgument, name, ": no weights");
}

}  // namespace

void interpolate(const DeviceMixture& op, Stream stream) {
  check_source(op.base, op.base_weight, op.out, "interpolate base");
  check_source(op.personal, op.personal_weight, op.out, "interpolate personal");
  check_out(op.out, op.out.rows, op.out.cols, "interpolate");
  check_csr(op.recalled, "interpolate recalled");
  PEMA_CHECK(op.recalled.rows == 0 || op.recalled.rows == op.out.rows, kInvalidArgument,
             "interpolate: recalled words of ", op.recalled.rows, " rows for ", op.out.rows);
  PEMA_CHECK(op.status != nullptr || op.out.rows == 0, kInvalidArgument, "interpolate: no status");
  check_workspace(op.workspace, interpolate_workspace(op.out.rows, op.out.cols), "interpolate");
  const LaunchPlan plan = mix_plan(op.out.rows, op.out.cols);
  const Mixture a{
      {static_cast<const float*>(op.base.data), op.base.stride, op.base_weight},
      {static_cast<const float*>(op.personal.data), op.personal.stride, op.personal_weight},
      op.out.cols,
      static_cast<int>(plan.grid_y),
      part<float2>(op.workspace, 0),
      op.recalled.begin,
      op.recalled.index,
      op.recalled.weight,
      op.out.data,
      op.out.stride,
      op.status};
  launch(mix_sums_kernel, plan, stream, a);
  launch(mix_kernel, plan, stream, a);
}

std::int64_t interpolate_workspace(std::int64_t rows, std::int64_t vocab) {
  return rows * 2 * mix_plan(rows, vocab).grid_y * static_cast<std::int64_t>(sizeof(float2));
}

}  // namespace pema::kernels::cuda
