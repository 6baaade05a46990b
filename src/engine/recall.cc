#include "src/engine/recall.h"

#include <map>

#include "pema/memory.h"

namespace pema::engine {
namespace {

/// Adds weight * P_mem of `segments` to `mass`.
void add_source(const std::vector<std::shared_ptr<const Segment>>& segments, double weight,
                const LambdaSchedule& schedule, std::span<const float> key,
                std::map<std::int32_t, double>& mass) {
  if (weight == 0.0) return;
  const std::vector<Neighbour> neighbours = ::pema::recall(segments, key, schedule.neighbours);
  for (const TokenWeight& word : recall_distribution(neighbours, schedule.temperature)) {
    mass[word.token] += weight * static_cast<double>(word.probability);
  }
}

}  // namespace

void recall(Context& context, Walk& walk) {
  std::vector<std::size_t> remembering;
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    if (walk.rows[i].own_weight > 0.0 || walk.rows[i].shared_weight > 0.0) remembering.push_back(i);
  }
  const std::int64_t d = context.model.hidden;
  context.pool.run(std::ssize(remembering), 1, [&](std::int64_t begin, std::int64_t end) {
    Matrix<float> key(1, d);
    for (std::int64_t r = begin; r < end; ++r) {
      const std::size_t i = remembering[static_cast<std::size_t>(r)];
      Row& row = walk.rows[i];
      const Lease& lease = *walk.batch->leases[i];
      const float* feature = walk.batch->features.row(static_cast<std::int64_t>(i));
      make_recall_keys({feature, 1, d}, walk.batch->site, context.head->norm_weight, key.view());
      std::map<std::int32_t, double> mass;
      add_source(lease.own, row.own_weight, lease.schedule, key.view().row_span(0), mass);
      add_source(lease.shared, row.shared_weight, lease.schedule, key.view().row_span(0), mass);
      for (const auto& [token, value] : mass) row.recalled.push_back({token, value});
    }
  });
}

}  // namespace pema::engine
