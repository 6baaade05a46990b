#include "src/engine/cpu_backend.h"

#include "src/engine/apply.h"
#include "src/engine/compose.h"
#include "src/engine/interpolate.h"
#include "src/engine/project.h"

namespace pema::engine {

void CpuBackend::compose(Context& context, Walk& walk) { engine::compose(context, walk); }

void CpuBackend::apply(Context& context, Walk& walk) { engine::apply(context, walk); }

void CpuBackend::project(Context& context, Walk& walk, MatrixView<float> personal) {
  engine::project(context, walk, personal);
}

void CpuBackend::interpolate(Context& context, const Walk& walk, MatrixView<float> out) {
  engine::interpolate(context, walk, out);
}

void CpuBackend::interpolate_targets(Context& context, const Walk& walk, MatrixView<float> personal,
                                     std::span<const std::int64_t> targets, std::span<double> out) {
  engine::interpolate_targets(context, walk, personal, targets, out);
}

}  // namespace pema::engine
