#include "src/engine/plan.h"

#include <map>
#include <utility>

#include "pema/error.h"
#include "src/engine/lease.h"

namespace pema {

std::string_view to_string(Strategy strategy) noexcept {
  switch (strategy) {
    case Strategy::kAuto:
      return "auto";
    case Strategy::kComposed:
      return "composed";
    case Strategy::kFactored:
      return "factored";
    case Strategy::kProjected:
      return "projected";
  }
  return "unknown";
}

Strategy parse_strategy(std::string_view text) {
  for (const Strategy strategy :
       {Strategy::kAuto, Strategy::kComposed, Strategy::kFactored, Strategy::kProjected}) {
    if (text == to_string(strategy)) return strategy;
  }
  fail(ErrorCode::kInvalidArgument, "'", text,
       "' is no strategy; use auto, composed, factored or projected");
}

namespace engine {
namespace {

/// Composed or factored change no bit, and it was kAuto that left the choice to us.
bool may_compose(const EngineOptions& options, const Group& group) {
  return !options.device && options.strategy == Strategy::kAuto &&
         group.strategy == Strategy::kFactored &&
         group.lease->pool->info().algebra == Algebra::kMixture && !group.lease->mask.none();
}

}  // namespace

Strategy choose_strategy(const ModelInfo& model, const EngineOptions& options, const Lease& lease) {
  const PoolInfo& info = lease.pool->info();
  const bool mixture = info.algebra == Algebra::kMixture;
  const bool listed = neglects(options, info);
  switch (options.strategy) {
    case Strategy::kComposed:
      return options.device && mixture ? Strategy::kFactored : Strategy::kComposed;
    case Strategy::kFactored:
      PEMA_CHECK(!options.device || mixture, kUnsupported,
                 "a device composes the separate algebra, which the pool of profile '", lease.name,
                 "' uses; choose auto or composed");
      return Strategy::kFactored;
    case Strategy::kProjected:
      PEMA_CHECK(mixture, kUnsupported, "strategy projected needs the mixture algebra, the pool ",
                 "of profile '", lease.name, "' uses separate; choose auto, composed or factored");
      // A few words ask for less of W than of U.
      return listed ? Strategy::kFactored : Strategy::kProjected;
    case Strategy::kAuto:
      break;
  }
  const std::vector<StrategyPlan> plans = weigh(model, options, lease);
  const Strategy chosen = plans[cheapest(plans)].strategy;
  return mixture && chosen == Strategy::kComposed ? Strategy::kFactored : chosen;
}

Walk plan(const Context& context, const Batch& batch) {
  Walk walk;
  walk.batch = &batch;
  walk.features = batch.features;
  walk.rows.resize(batch.leases.size());
  std::map<std::pair<Digest, Digest>, std::int64_t> group_of;
  std::vector<std::int64_t> size;  // [groups]
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    const Lease* lease = batch.leases[i];
    Row& row = walk.rows[i];
    row.inert = lease == nullptr || lease->inert();
    if (row.inert || !source_weights(*lease).personal) continue;
    const auto [found, fresh] = group_of.emplace(
        std::pair{lease->pool->digest(), lease->mask_digest}, std::ssize(walk.groups));
    if (fresh) {
      Group& group = walk.groups.emplace_back();
      group.lease = lease;
      group.strategy = choose_strategy(context.model, context.options, *lease);
      size.push_back(0);
    }
    row.group = found->second;
    ++size[static_cast<std::size_t>(row.group)];
  }
  std::int64_t next = 0;
  for (std::size_t g = 0; g < walk.groups.size(); ++g) {
    Group& group = walk.groups[g];
    group.begin = group.end = next;
    next += size[g];
    if (may_compose(context.options, group)) {
      const CacheKey key{EntryKind::kComposed, group.lease->pool->digest(),
                         group.lease->mask_digest};
      group.strategy = same_bits_strategy(context.model, context.options, *group.lease, size[g],
                                          context.cache.holds(key));
    }
  }
  walk.row_order.resize(static_cast<std::size_t>(next));
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    if (walk.rows[i].group < 0) continue;
    Group& group = walk.groups[static_cast<std::size_t>(walk.rows[i].group)];
    walk.row_order[static_cast<std::size_t>(group.end++)] = static_cast<std::int64_t>(i);
  }
  return walk;
}

}  // namespace engine
}  // namespace pema
