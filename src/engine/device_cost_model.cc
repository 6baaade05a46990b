// What a step costs on a device: a count of what the ops read, multiply and launch.
#include <algorithm>
#include <cmath>

#include "pema/error.h"
#include "src/engine/cost_model.h"

namespace pema {

void check_device_costs(const DeviceCosts& costs) {
  for (const double value : {costs.byte_read, costs.byte_copied, costs.launch, costs.multiply}) {
    PEMA_CHECK(std::isfinite(value) && value >= 0 && value <= 1, kInvalidArgument,
               "a cost of the device is ", value, " s; it must lie in [0, 1]");
  }
}

namespace engine {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }

/// Sums that read a row of a matrix together (kernels/cuda/launch_plan.h, kSumsPerBlock).
double blocks_of_sums(const WorkShape& shape, double element_bytes) {
  return std::ceil(real(shape.rows) / (element_bytes == 4 ? 8 : 4));
}

/// Reading and multiplying go on at the same time.
double work(const DeviceCosts& costs, double launches, double bytes, double multiplies) {
  return costs.launch * launches + std::max(costs.byte_read * bytes, costs.multiply * multiplies);
}

}  // namespace

StepSeconds predict_device_step(const DeviceCosts& costs, const WorkShape& shape, Strategy strategy,
                                NumberType type) {
  if (shape.rows == 0) return {};
  const double rows = real(shape.rows);
  const double d = real(shape.hidden);
  const double vocab = real(shape.vocab);
  const bool separate = shape.algebra == Algebra::kSeparate;
  const bool projected = strategy == Strategy::kProjected;
  const double latents = real(shape.shared) + (separate ? 0 : real(shape.up) * real(shape.rank));
  const double composed = separate ? real(shape.rank) : 0;
  StepSeconds step;
  // Every row reads its own latents' rows of A, and through the head also those of B.
  const double sides = projected ? 1 : 2;
  const double masks = real(std::clamp<std::int64_t>(shape.masks, 1, shape.rows));
  step.apply = work(costs, 1 + (sides - 1) + (separate ? 2 * masks : 0) + 1,
                    4 * d * (sides * rows * latents + 2 * masks * composed),
                    d * rows * (sides * latents + 2 * composed));
  if (projected) {
    const double bytes = real(bytes_of(type));
    const double all = real(shape.projection_rows());
    const double read = std::min(rows * latents, blocks_of_sums(shape, bytes) * all);
    step.project = work(costs, type == NumberType::kInt8 ? 3 : 2,
                        vocab * (read * bytes + 4 * 4 * rows), vocab * rows * latents);
  } else {
    step.project =
        work(costs, 2, vocab * 4 * (blocks_of_sums(shape, 4) * d + 4 * rows), vocab * rows * d);
  }
  step.interpolate =
      work(costs, 2, 4 * vocab * rows * 5, 0) + costs.byte_copied * 4 * rows * (2 * vocab + d);
  return step;
}

}  // namespace engine
}  // namespace pema
