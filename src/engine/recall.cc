#include "src/engine/recall.h"

#include <map>

#include "pema/memory.h"
#include "src/memory/search.h"

namespace pema::engine {
namespace {

/// Recall of one row from its own or from its shared segments, mixed with `weight`.
struct Source {
  std::size_t row = 0;
  double weight = 0;
};

}  // namespace

void recall(Context& context, Walk& walk) {
  const std::int64_t d = context.model.hidden;
  Matrix<float> keys(std::ssize(walk.rows), d);
  std::vector<Source> sources;
  std::vector<memory::SearchRow> rows;
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    const Row& row = walk.rows[i];
    if (row.own_weight <= 0.0 && row.shared_weight <= 0.0) continue;
    const Lease& lease = *walk.batch->leases[i];
    const auto at = static_cast<std::int64_t>(i);
    make_recall_keys({walk.batch->features.row(at), 1, d}, walk.batch->site,
                     context.head->norm_weight, {keys.row(at), 1, d});
    const auto add = [&](const std::vector<std::shared_ptr<const Segment>>& segments,
                         double weight) {
      if (weight <= 0.0) return;
      sources.push_back({i, weight});
      rows.push_back({segments, keys.view().row_span(at), lease.schedule.neighbours});
    };
    add(lease.own, row.own_weight);
    add(lease.shared, row.shared_weight);
  }
  const std::vector<std::vector<Neighbour>> found = memory::search(rows, context.pool);
  std::map<std::pair<std::size_t, std::int32_t>, double> mass;  // by row and token
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const Lease& lease = *walk.batch->leases[sources[s].row];
    for (const TokenWeight& word : recall_distribution(found[s], lease.schedule.temperature)) {
      mass[{sources[s].row, word.token}] +=
          sources[s].weight * static_cast<double>(word.probability);
    }
  }
  for (const auto& [place, value] : mass) {
    walk.rows[place.first].recalled.push_back({place.second, value});
  }
}

}  // namespace pema::engine
