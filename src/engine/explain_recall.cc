#include "pema/error.h"
#include "pema/planner.h"
#include "src/engine/recall.h"
#include "src/memory/index_search.h"

namespace pema {

std::vector<RecallPlan> explain_recall(const EngineOptions& options, const Lease& lease) {
  const engine::Through through = engine::through(options, lease);
  PEMA_CHECK(through.wanted_recall > 0.0 && through.wanted_recall <= 1.0, kInvalidArgument,
             "a wanted recall of ", through.wanted_recall, " makes no sense; use one in (0, 1]");
  std::vector<RecallPlan> plans;
  for (const bool own : {true, false}) {
    RecallPlan plan;
    plan.own = own;
    for (const auto& segment : own ? lease.own : lease.shared) {
      PEMA_CHECK(segment != nullptr, kInvalidArgument, "a lease holds a null segment");
      plan.keys += segment->info().entries;
      const bool held = through.index != nullptr && through.index->number_of(segment.get()) >= 0;
      if (held) plan.indexed += segment->info().entries;
    }
    if (plan.keys == 0) continue;
    const memory::SearchPlan search = memory::plan_search(
        through.index, plan.indexed, plan.keys - plan.indexed, {through.wanted_recall});
    plan.through_index = search.with_index;
    plan.lists = through.index != nullptr ? through.index->lists().lists() : 0;
    plan.searched_lists = search.probes;
    plan.scan_cost = search.scan_cost;
    plan.index_cost = search.index_cost;
    plans.push_back(plan);
  }
  return plans;
}

}  // namespace pema
