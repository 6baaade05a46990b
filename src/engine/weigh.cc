// What each strategy costs a lease over the expected life, and which is the cheapest.
#include <algorithm>
#include <array>

#include "pema/error.h"
#include "src/engine/cost_model.h"
#include "src/engine/plan.h"

namespace pema::engine {
namespace {

constexpr std::array kTypes = {NumberType::kFloat32, NumberType::kFloat16, NumberType::kBFloat16,
                               NumberType::kInt8};

struct Expected {
  WorkShape shape;
  double steps = 1;
  std::int64_t cache_bytes = 0;
};

Expected expected(const ModelInfo& model, const EngineOptions& options, const Lease& lease) {
  return {work_shape(model, options, lease, options.expected_rows_per_step,
                     std::min(options.expected_masks_per_step, options.expected_rows_per_step)),
          static_cast<double>(expected_steps(options)), options.cache_bytes};
}

StrategyPlan weigh_composed(const MachineCosts& costs, const Expected& life) {
  StrategyPlan plan{.strategy = Strategy::kComposed};
  const std::int64_t all = life.shape.masks * composed_bytes(life.shape);
  // Masks that do not fit together push each other out before they come again.
  const bool kept = all <= life.cache_bytes;
  plan.step = predict_step(costs, life.shape, Strategy::kComposed, NumberType::kFloat32, kept);
  if (kept) {
    plan.once =
        predict_step(costs, life.shape, Strategy::kComposed, NumberType::kFloat32, false).compose -
        plan.step.compose;
    plan.bytes_kept = all;
  }
  return plan;
}

StrategyPlan weigh_projected(const MachineCosts& costs, const Expected& life, NumberType type,
                             bool made) {
  StrategyPlan plan{.strategy = Strategy::kProjected, .type = type};
  plan.exact = type == NumberType::kFloat32;
  plan.step = predict_step(costs, life.shape, Strategy::kProjected, type, true);
  plan.bytes_kept = projection_bytes(life.shape, type);
  plan.once = made ? 0 : projection_seconds(costs, life.shape, type);
  return plan;
}

/// Why kAuto may not project in this type; empty when it may.
std::string_view refusal(const EngineOptions& options, const WorkShape& shape,
                         const StrategyPlan& plan) {
  if (shape.algebra == Algebra::kSeparate) return "the separate algebra has no projection";
  if (shape.listed_words > 0) return "a few words ask for less of the head than of the projection";
  if (plan.bytes_kept > options.cache_bytes && !options.device) {
    return "the projection does not fit the cache";
  }
  if (options.device && options.device->memory_bytes > 0 &&
      plan.bytes_kept > options.device->memory_bytes) {
    return "the projection does not fit the device's budget";
  }
  if (plan.type != options.projection) return "the options ask for U in another type";
  return {};
}

/// Steps as the device takes them. What is made once is made by the host in either case.
void weigh_on_device(const DeviceCosts& costs, const Expected& life,
                     std::vector<StrategyPlan>& plans) {
  const bool separate = life.shape.algebra == Algebra::kSeparate;
  for (StrategyPlan& plan : plans) {
    plan.step = predict_device_step(costs, life.shape, plan.strategy, plan.type);
    if (plan.strategy == Strategy::kFactored && separate) {
      plan.runs = false;
      plan.refused = "a device composes the separate algebra";
    }
    if (plan.strategy == Strategy::kComposed && !separate) {
      plan.runs = false;
      plan.refused = "a device computes the mixture algebra factored";
    }
  }
}

}  // namespace

std::int64_t expected_steps(const EngineOptions& options) {
  const std::int64_t per_step = options.expected_rows_per_step;
  return std::max<std::int64_t>(
      1, options.expected_rows / per_step + (options.expected_rows % per_step != 0 ? 1 : 0));
}

void check_expectations(const EngineOptions& options) {
  PEMA_CHECK(options.expected_rows >= 0, kInvalidArgument, "expected_rows is ",
             options.expected_rows, "; it must not be negative");
  PEMA_CHECK(options.expected_rows_per_step >= 1 && options.expected_masks_per_step >= 1,
             kInvalidArgument, "a step is expected to have ", options.expected_rows_per_step,
             " rows and ", options.expected_masks_per_step, " masks; each must be at least 1");
  check_costs(options.costs);
  if (options.device) check_device_costs(options.device->costs);
}

std::vector<StrategyPlan> weigh(const ModelInfo& model, const EngineOptions& options,
                                const Lease& lease) {
  const Expected life = expected(model, options, lease);
  const bool made = std::find(options.made_projections.begin(), options.made_projections.end(),
                              lease.pool->digest()) != options.made_projections.end();
  std::vector<StrategyPlan> plans;
  plans.reserve(2 + kTypes.size());
  plans.push_back({.strategy = Strategy::kFactored});
  plans.back().step =
      predict_step(options.costs, life.shape, Strategy::kFactored, NumberType::kFloat32, true);
  plans.push_back(weigh_composed(options.costs, life));
  for (const NumberType type : kTypes) {
    StrategyPlan& plan = plans.emplace_back(weigh_projected(options.costs, life, type, made));
    plan.refused = refusal(options, life.shape, plan);
    plan.runs = life.shape.algebra == Algebra::kMixture;
  }
  if (options.device) weigh_on_device(options.device->costs, life, plans);
  for (StrategyPlan& plan : plans) {
    plan.bytes_read = bytes_read(life.shape, plan.strategy, plan.type);
    plan.life = plan.once + life.steps * plan.step.total();
  }
  return plans;
}

std::size_t cheapest(const std::vector<StrategyPlan>& plans) {
  // Factored, which nothing refuses on the CPU; on a device it is that or composed.
  std::size_t best = plans[0].refused.empty() ? 0 : 1;
  for (std::size_t i = best + 1; i < plans.size(); ++i) {
    if (plans[i].refused.empty() && plans[i].life < plans[best].life) best = i;
  }
  return best;
}

Strategy same_bits_strategy(const ModelInfo& model, const EngineOptions& options,
                            const Lease& lease, std::int64_t rows, bool held) {
  const WorkShape shape = work_shape(model, options, lease, rows, 1);
  const auto seconds = [&](Strategy strategy, bool kept) {
    const StepSeconds step =
        predict_step(options.costs, shape, strategy, NumberType::kFloat32, kept);
    return step.compose + step.apply;
  };
  double composed = seconds(Strategy::kComposed, held);
  // Composing is paid once and serves every later step of the mask, as far as the cache keeps it.
  if (!held && composed_bytes(shape) <= options.cache_bytes) {
    const double kept = seconds(Strategy::kComposed, true);
    composed = kept + (composed - kept) / static_cast<double>(expected_steps(options));
  }
  return composed < seconds(Strategy::kFactored, held) ? Strategy::kComposed : Strategy::kFactored;
}

}  // namespace pema::engine
