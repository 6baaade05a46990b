// The choice of a lease's strategy in words.
#include <algorithm>
#include <cmath>
#include <limits>

#include "pema/error.h"
#include "src/engine/lease.h"
#include "src/engine/plan.h"

namespace pema {
namespace {

std::string name_of(const StrategyPlan& plan) {
  std::string name(to_string(plan.strategy));
  if (plan.strategy == Strategy::kProjected) name += message(" in ", to_string(plan.type));
  return name;
}

/// "12.3 ms" and the like.
std::string duration(double seconds) {
  std::ostringstream text;
  text.precision(3);
  if (seconds >= 1) {
    text << seconds << " s";
  } else if (seconds >= 1e-3) {
    text << seconds * 1e3 << " ms";
  } else {
    text << seconds * 1e6 << " us";
  }
  return text.str();
}

/// The position of `strategy` in `type` of U.
std::size_t position(const std::vector<StrategyPlan>& plans, Strategy strategy, NumberType type) {
  const auto found = std::find_if(plans.begin(), plans.end(), [&](const StrategyPlan& plan) {
    return plan.strategy == strategy && (strategy != Strategy::kProjected || plan.type == type);
  });
  PEMA_ASSERT(found != plans.end());
  return static_cast<std::size_t>(found - plans.begin());
}

/// The best plan besides the chosen one that kAuto may choose; the chosen one when there is none.
std::size_t runner_up(const std::vector<StrategyPlan>& plans, std::size_t chosen) {
  std::size_t best = chosen;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (i == chosen || !plans[i].refused.empty()) continue;
    if (best == chosen || plans[i].life < plans[best].life) best = i;
  }
  return best;
}

std::string reason(const Explanation& found, const EngineOptions& options) {
  const StrategyPlan& chosen = found.plans[found.chosen];
  if (options.strategy != Strategy::kAuto) {
    if (chosen.strategy == options.strategy) {
      return message("the options ask for strategy ", to_string(options.strategy));
    }
    if (options.device) {
      return message("the options ask for strategy ", to_string(options.strategy),
                     ", which a device computes as ", to_string(chosen.strategy));
    }
    return message("the options ask for strategy projected, which a neglected mass runs as ",
                   to_string(chosen.strategy));
  }
  const std::size_t other = runner_up(found.plans, found.chosen);
  if (other == found.chosen) return message("nothing but ", name_of(chosen), " is possible");
  return message(name_of(chosen), " takes ", duration(chosen.life), " for ", found.steps,
                 found.steps == 1 ? " step" : " steps",
                 " with all that is made for them, the next best, ", name_of(found.plans[other]),
                 ", ", duration(found.plans[other].life));
}

/// From how many rows on `plan`, which makes more at first, is the cheaper one.
std::string crossing(const StrategyPlan& plan, const StrategyPlan& other,
                     const EngineOptions& options) {
  const double gain = other.step.total() - plan.step.total();
  if (gain <= 0) return message(name_of(plan), " never pays here: a step with it is no faster");
  const double steps = std::max(1.0, std::floor((plan.once - other.once) / gain) + 1);
  return message(name_of(plan), " pays from ",
                 static_cast<std::int64_t>(std::min(
                     1e15, (steps - 1) * static_cast<double>(options.expected_rows_per_step) + 1)),
                 " rows on");
}

std::vector<std::string> changes(const Explanation& found, const EngineOptions& options) {
  std::vector<std::string> all;
  const StrategyPlan& chosen = found.plans[found.chosen];
  for (const StrategyPlan& plan : found.plans) {
    if (&plan == &chosen || plan.strategy == chosen.strategy || !plan.runs) continue;
    const bool dearer = plan.once > chosen.once;
    if (!plan.refused.empty()) {
      all.push_back(message(name_of(plan), " is ruled out: ", plan.refused,
                            plan.bytes_kept > options.cache_bytes
                                ? message(" of ", options.cache_bytes >> 20, " MiB; it needs ",
                                          (plan.bytes_kept + (1 << 20) - 1) >> 20)
                                : std::string()));
    } else if (dearer) {
      all.push_back(crossing(plan, chosen, options));
    } else if (chosen.once > plan.once) {
      all.push_back(crossing(chosen, plan, options) + message(", below that ", name_of(plan)));
    }
  }
  return all;
}

}  // namespace

Explanation explain(const ModelInfo& model, const EngineOptions& options, const Lease& lease) {
  engine::check_expectations(options);
  PEMA_CHECK(engine::source_weights(lease).personal, kInvalidArgument, "profile '", lease.name,
             "' has no personal distribution (no adapters, or lambda 0), so there is nothing to "
             "plan; choose a profile with a pool");
  Explanation found;
  found.steps = engine::expected_steps(options);
  found.plans = engine::weigh(model, options, lease);
  if (options.strategy == Strategy::kAuto) {
    found.chosen = engine::cheapest(found.plans);
  } else {
    found.chosen =
        position(found.plans, engine::choose_strategy(model, options, lease), options.projection);
  }
  found.why = reason(found, options);
  if (options.device && !options.device->costs.measured) {
    found.why += "; not measured on a device: its costs are a model";
  }
  found.changes = changes(found, options);
  return found;
}

NumberType choose_projection(const ModelInfo& model, const EngineOptions& options,
                             const Lease& lease) {
  NumberType best = options.projection;
  double least = std::numeric_limits<double>::infinity();
  for (const StrategyPlan& plan : explain(model, options, lease).plans) {
    if (plan.strategy != Strategy::kProjected || !plan.runs) continue;
    EngineOptions tried = options;
    tried.projection = plan.type;
    if (projection_is_stored(model, tried, *lease.pool)) {
      tried.made_projections.push_back(lease.pool->digest());
    }
    const Explanation found = explain(model, tried, lease);
    const StrategyPlan& chosen = found.plans[found.chosen];
    if (chosen.strategy != Strategy::kProjected || chosen.life >= least) continue;
    least = chosen.life;
    best = plan.type;
  }
  return best;
}

}  // namespace pema
