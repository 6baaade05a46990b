#include "kernels/cuda/bottleneck.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/launch.h"

namespace pema::kernels::cuda {
namespace {

template <typename T>
void queue_down(const DeviceBottleneck& op, float* z, Stream stream) {
  launch(down_kernel<T>, down_plan(op.tile_count, op.latents), stream,
         Down<T>{static_cast<const T*>(op.x.data), op.x.stride, op.order, op.tiles,
                 static_cast<const float*>(op.down.data), op.down.stride,
                 static_cast<int>(op.latents), op.x.cols, z});
}

void check_side(const DeviceRows& side, const DeviceBottleneck& op, const char* name) {
  check_rows(side, name);
  PEMA_CHECK(side.type == Element::kFloat32, kUnsupported, name, ": composed sides are f32");
  PEMA_CHECK(side.cols == op.x.cols && (op.latents == 0 || side.rows % op.latents == 0),
             kInvalidArgument, name, ": [", side.rows, ", ", side.cols, "] for features of width ",
             op.x.cols, " and ", op.latents, " latents");
}

}  // namespace

void bottleneck(const DeviceBottleneck& op, Stream stream) {
  check_rows(op.x, "bottleneck x");
  check_side(op.down, op, "bottleneck down");
  check_side(op.up, op, "bottleneck up");
  PEMA_CHECK(op.latents >= 0 && op.latents <= kMaxPoolRows && op.tile_count >= 0, kInvalidArgument,
             "bottleneck: ", op.latents, " latents, ", op.tile_count, " tiles");
  PEMA_CHECK(op.tile_count == 0 || op.tiles != nullptr, kInvalidArgument, "bottleneck: no tiles");
  check_out(op.delta, op.x.rows, op.x.cols, "bottleneck delta");
  check_workspace(op.workspace, bottleneck_workspace(op.x.rows, op.latents), "bottleneck");
  auto* const z = part<float>(op.workspace, 0);
  switch (op.x.type) {
    case Element::kFloat32:
      queue_down<float>(op, z, stream);
      break;
    case Element::kFloat16:
      queue_down<simt::half_t>(op, z, stream);
      break;
    case Element::kBfloat16:
      queue_down<simt::bf16_t>(op, z, stream);
      break;
    case Element::kInt8:
      fail(ErrorCode::kUnsupported, "bottleneck: features are not int8");
  }
  launch(up_kernel, up_plan(op.latents == 0 ? 0 : op.tile_count, op.x.cols), stream,
         Up{z, op.order, op.tiles, static_cast<const float*>(op.up.data), op.up.stride,
            static_cast<int>(op.latents), op.x.cols, op.delta.data, op.delta.stride});
}

std::int64_t bottleneck_workspace(std::int64_t rows, std::int64_t latents) {
  return padded(rows * latents * static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace pema::kernels::cuda
