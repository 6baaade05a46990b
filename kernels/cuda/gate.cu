#include "kernels/cuda/gate.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"

namespace pema::kernels::cuda {
namespace {

template <typename T>
void queue(const DeviceGate& op, Stream stream) {
  launch(gate_kernel<T>, gate_plan(op.latents.rows, op.longest), stream,
         Gate<T>{static_cast<const T*>(op.down.data), op.down.stride, op.down.scale, op.x.data,
                 op.x.type, op.x.stride, op.x.cols, op.latents.begin, op.latents.index,
                 op.latents.weight, op.out});
}

}  // namespace

void gate(const DeviceGate& op, Stream stream) {
  check_rows(op.down, "gate down");
  check_rows(op.x, "gate x");
  check_csr(op.latents, "gate");
  PEMA_CHECK(op.x.type != Element::kInt8, kUnsupported, "gate: features are not int8");
  PEMA_CHECK(op.x.cols == op.down.cols && op.x.rows == op.latents.rows, kInvalidArgument,
             "gate: features [", op.x.rows, ", ", op.x.cols, "] for ", op.latents.rows,
             " rows of latents and adapters of width ", op.down.cols);
  PEMA_CHECK(op.longest >= 0 && op.longest <= op.latents.entries, kInvalidArgument,
             "gate: a row of ", op.longest, " among ", op.latents.entries, " entries");
  PEMA_CHECK(op.latents.entries == 0 || op.out != nullptr, kInvalidArgument, "gate: no output");
  with_element(op.down.type, [&](auto element) { queue<decltype(element)>(op, stream); });
}

}  // namespace pema::kernels::cuda
