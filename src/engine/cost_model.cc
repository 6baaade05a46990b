#include "src/engine/cost_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

#include "pema/error.h"
#include "src/engine/apply.h"
#include "src/engine/walk.h"

namespace pema {
namespace {

constexpr std::array kFields = {
    CostField{"head_read", &MachineCosts::head_read, "weight of the head read"},
    CostField{"head_add", &MachineCosts::head_add, "weight of the head and row"},
    CostField{"float32_read", &MachineCosts::float32_read, "element of U in float32 read"},
    CostField{"float32_add", &MachineCosts::float32_add, "element of U in float32 added"},
    CostField{"half_read", &MachineCosts::half_read, "element of U in 16 bits read"},
    CostField{"half_add", &MachineCosts::half_add, "element of U in 16 bits added"},
    CostField{"int8_read", &MachineCosts::int8_read, "element of U in int8 read"},
    CostField{"int8_add", &MachineCosts::int8_add, "element of U in int8 added"},
    CostField{"quantise", &MachineCosts::quantise, "element of U rounded to a narrower type"},
    CostField{"pool_read", &MachineCosts::pool_read, "element of a pool's rows read"},
    CostField{"composed_read", &MachineCosts::composed_read, "element of composed rows read"},
    CostField{"gate_add", &MachineCosts::gate_add, "element and row into latent values"},
    CostField{"delta_add", &MachineCosts::delta_add, "element and row into deltas"},
    CostField{"compose_copy", &MachineCosts::compose_copy, "element copied"},
    CostField{"compose_sum", &MachineCosts::compose_sum, "element added"},
    CostField{"list_entry", &MachineCosts::list_entry, "adapter row listed"},
    CostField{"copy_logit", &MachineCosts::copy_logit, "logit copied"},
    CostField{"interpolate_word", &MachineCosts::interpolate_word, "word of a row mixed"},
    CostField{"parallel_run", &MachineCosts::parallel_run, "loop split over the threads"},
};
static_assert(sizeof(MachineCosts) == kFields.size() * sizeof(double), "a cost without a name");

}  // namespace

std::span<const CostField> cost_fields() noexcept { return kFields; }

void check_costs(const MachineCosts& costs) {
  for (const CostField& field : kFields) {
    const double value = costs.*field.value;
    PEMA_CHECK(std::isfinite(value) && value >= 0 && value <= 1, kInvalidArgument, "machine cost ",
               field.name, " is ", value, " s; it must lie in [0, 1]; run `pema tune` again");
  }
}

namespace engine {
namespace {

// Of one row at a neglected mass of 0.03 (docs/decisions/0005-approximate-vocabulary.md).
constexpr std::int64_t kListedWords = 500;

std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }
double real(std::int64_t value) { return static_cast<double>(value); }

double value_bytes(NumberType type) { return real(bytes_of(type)); }

/// What reading and adding an element of U costs.
struct ElementCosts {
  double read = 0;
  double add = 0;
};

ElementCosts element_costs(const MachineCosts& costs, NumberType type) {
  switch (type) {
    case NumberType::kFloat16:
    case NumberType::kBFloat16:
      return {costs.half_read, costs.half_add};
    case NumberType::kInt8:
      return {costs.int8_read, costs.int8_add};
    case NumberType::kFloat32:
      break;
  }
  return {costs.float32_read, costs.float32_add};
}

std::int64_t side_count(const BitMask& bits, const std::vector<float>& weights) {
  if (weights.empty()) return bits.popcount();
  return static_cast<std::int64_t>(weights.size()) -
         std::count(weights.begin(), weights.end(), 0.0F);
}

/// Adapter rows on both sides of a mask's bottleneck, the shared adapter apart.
struct Sides {
  double down = 0;
  double up = 0;
};

Sides sides(const WorkShape& shape, Strategy strategy) {
  if (shape.algebra == Algebra::kSeparate && strategy == Strategy::kComposed) {
    const double rank = shape.down > 0 && shape.up > 0 ? real(shape.rank) : 0;
    return {rank, rank};
  }
  return {real(shape.down * shape.rank), real(shape.up * shape.rank)};
}

/// Tasks of apply that one thread works through, and the rows of each.
struct Tasks {
  double rounds = 0;
  double rows = 0;
};

Tasks tasks(const WorkShape& shape) {
  if (shape.rows == 0) return {};
  const std::int64_t masks = std::clamp<std::int64_t>(shape.masks, 1, shape.rows);
  const double rows_of_mask = real(shape.rows) / real(masks);
  const double count = real(masks) * std::ceil(rows_of_mask / real(kRowsPerTask));
  // The fullest task is waited for.
  return {std::ceil(count / real(shape.threads)), std::min(rows_of_mask, real(kRowsPerTask))};
}

double compose_seconds(const MachineCosts& costs, const WorkShape& shape, Strategy strategy,
                       bool held) {
  const Sides listed = sides(shape, strategy);
  double of_mask = costs.list_entry * (real(2 * shape.shared) + listed.down + listed.up);
  if (strategy == Strategy::kComposed && !held) {
    const double element =
        shape.algebra == Algebra::kSeparate ? costs.compose_sum : costs.compose_copy;
    of_mask += element * real(shape.down + shape.up) * real(shape.rank) * real(shape.hidden);
  }
  return of_mask * real(std::min(shape.masks, shape.rows));
}

double apply_seconds(const MachineCosts& costs, const WorkShape& shape, Strategy strategy) {
  const Tasks work = tasks(shape);
  const Sides own = sides(shape, strategy);
  const double shared = real(shape.shared);
  const double read = strategy == Strategy::kComposed ? costs.composed_read : costs.pool_read;
  double element = shared * (costs.pool_read + work.rows * costs.gate_add) +
                   own.down * (read + work.rows * costs.gate_add);
  if (strategy != Strategy::kProjected) {
    element += shared * (costs.pool_read + work.rows * costs.delta_add) +
               own.up * (read + work.rows * costs.delta_add);
  }
  double seconds = costs.parallel_run + work.rounds * element * real(shape.hidden);
  if (strategy == Strategy::kProjected && shape.form == Form::kDistribution) {
    // The norm: half of the Gram matrix of the rows that the mask selects.
    const double entries = shared + own.up;
    seconds += work.rounds * work.rows * entries * entries / 2 * costs.gate_add;
  }
  return seconds;
}

/// Distinct rows of U^T that masks of `shape.up` adapters each touch together, as expected of masks
/// that are drawn at random.
double touched_rows(const WorkShape& shape) {
  if (shape.adapters == 0) return real(shape.shared);
  const double missed = std::clamp(1 - real(shape.up) / real(shape.adapters), 0.0, 1.0);
  const double share = 1 - std::pow(missed, real(std::min(shape.masks, shape.rows)));
  return real(shape.shared) + share * real(shape.adapters * shape.rank);
}

double project_seconds(const MachineCosts& costs, const WorkShape& shape, Strategy strategy,
                       NumberType type) {
  const double rows = real(shape.rows);
  const double copied =
      shape.form == Form::kResidual ? costs.copy_logit * rows * real(shape.vocab) : 0;
  if (shape.listed_words > 0) {
    // Each row reads its own words of W, after a pass over the vocabulary that finds them.
    return 2 * costs.parallel_run +
           rows * (costs.interpolate_word * real(shape.vocab) +
                   real(shape.listed_words * shape.hidden) * costs.head_read);
  }
  if (strategy != Strategy::kProjected) {
    return copied + costs.parallel_run +
           real(shape.vocab) * real(shape.hidden) * (costs.head_read + rows * costs.head_add);
  }
  const ElementCosts element = element_costs(costs, type);
  const double added = rows * real(shape.shared + shape.up * shape.rank);
  return copied + costs.parallel_run +
         real(shape.vocab) * (touched_rows(shape) * element.read + added * element.add);
}

double interpolate_seconds(const MachineCosts& costs, const WorkShape& shape) {
  return costs.parallel_run +
         costs.interpolate_word * real(shape.vocab) * real(ceil_div(shape.rows, shape.threads));
}

}  // namespace

WorkShape work_shape(const ModelInfo& model, const EngineOptions& options, const Lease& lease,
                     std::int64_t rows, std::int64_t masks) {
  const PoolInfo& info = lease.pool->info();
  const AdapterBlock* shared = lease.pool->shared();
  WorkShape shape;
  shape.rows = rows;
  shape.masks = masks;
  shape.down = side_count(lease.mask.down, lease.mask.down_weights);
  shape.up = info.algebra == Algebra::kSeparate ? side_count(lease.mask.up, lease.mask.up_weights)
                                                : shape.down;
  shape.adapters = info.adapters;
  shape.rank = info.rank;
  shape.shared = shared != nullptr ? shared->view().count * shared->view().rank : 0;
  shape.hidden = model.hidden;
  shape.vocab = model.vocab;
  if (neglects(options, info)) shape.listed_words = std::min(kListedWords, model.vocab);
  shape.threads = options.threads > 0
                      ? options.threads
                      : std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  shape.algebra = info.algebra;
  shape.form = info.form;
  return shape;
}

StepSeconds predict_step(const MachineCosts& costs, const WorkShape& shape, Strategy strategy,
                         NumberType type, bool held) {
  PEMA_ASSERT(strategy != Strategy::kAuto);
  if (shape.rows == 0) return {};
  StepSeconds step;
  step.compose = compose_seconds(costs, shape, strategy, held);
  step.apply = apply_seconds(costs, shape, strategy);
  step.project = project_seconds(costs, shape, strategy, type);
  step.interpolate = interpolate_seconds(costs, shape);
  return step;
}

double projection_seconds(const MachineCosts& costs, const WorkShape& shape, NumberType type) {
  const double rows = real(shape.projection_rows());
  const double product =
      real(shape.vocab) * real(shape.hidden) * (costs.head_read + rows * costs.head_add);
  const double rounding =
      type == NumberType::kFloat32 ? 0 : costs.quantise * rows * real(shape.vocab);
  return costs.parallel_run + product + rounding;
}

std::int64_t projection_bytes(const WorkShape& shape, NumberType type) {
  return static_cast<std::int64_t>(value_bytes(type)) * shape.projection_rows() * shape.vocab;
}

std::int64_t composed_bytes(const WorkShape& shape) {
  const Sides own = sides(shape, Strategy::kComposed);
  return static_cast<std::int64_t>(4 * ((own.down + own.up) * real(shape.hidden) + own.up));
}

std::int64_t bytes_read(const WorkShape& shape, Strategy strategy, NumberType type) {
  const Sides own = sides(shape, strategy);
  const double masks = real(std::min(shape.masks, shape.rows));
  const double logits = 4 * real(shape.rows) * real(shape.vocab);
  const double row = 4 * real(shape.hidden);
  if (strategy == Strategy::kProjected) {
    return static_cast<std::int64_t>(logits + row * (real(shape.shared) + masks * own.down) +
                                     value_bytes(type) * touched_rows(shape) * real(shape.vocab));
  }
  const double words =
      shape.listed_words > 0 ? real(shape.rows * shape.listed_words) : real(shape.vocab);
  return static_cast<std::int64_t>(
      logits + row * (real(2 * shape.shared) + masks * own.down + masks * own.up + words));
}

}  // namespace engine
}  // namespace pema
