#include "src/engine/recall.h"

#include <map>

#include "pema/gate.h"
#include "pema/memory.h"
#include "src/memory/index_search.h"

namespace pema::engine {
namespace {

/// One row's recall from its own or from its shared segments.
struct Source {
  std::size_t row = 0;
  bool own = false;
};

/// k and T of a lease: the gate's own where there is one, whose weights fit no others.
GateRecall recall_of(const Lease& lease) {
  if (lease.gate != nullptr) return lease.gate->recall();
  return {lease.schedule.neighbours, lease.schedule.temperature};
}

/// What was recalled, and what the gates of the rows see of it.
struct Recalled {
  std::vector<Source> sources;
  std::vector<std::vector<TokenWeight>> words;  ///< of each source
  std::vector<GateInput> signals;               ///< [rows]
};

/// One search for all rows of the same index. Which rows go together changes none of them.
std::vector<std::vector<Neighbour>> search_all(Context& context, const Walk& walk,
                                               std::span<const Source> sources,
                                               std::span<const memory::SearchRow> rows) {
  std::map<Through, std::vector<std::size_t>> groups;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    groups[through(context.options, *walk.batch->leases[sources[s].row])].push_back(s);
  }
  std::vector<std::vector<Neighbour>> found(rows.size());
  for (const auto& [by, members] : groups) {
    std::vector<memory::SearchRow> some;
    some.reserve(members.size());
    for (const std::size_t s : members) some.push_back(rows[s]);
    auto nearest = memory::search(some, context.pool, by.index, {by.wanted_recall});
    for (std::size_t i = 0; i < members.size(); ++i) found[members[i]] = std::move(nearest[i]);
  }
  return found;
}

Recalled recall_all(Context& context, const Walk& walk) {
  const std::int64_t d = context.model.hidden;
  Recalled recalled;
  recalled.signals.resize(walk.rows.size());
  Matrix<float> keys(std::ssize(walk.rows), d);
  std::vector<memory::SearchRow> searched;
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    const Row& row = walk.rows[i];
    if (row.own_weight <= 0.0 && row.shared_weight <= 0.0) continue;
    const Lease& lease = *walk.batch->leases[i];
    const auto at = static_cast<std::int64_t>(i);
    make_recall_keys({walk.features.row(at), 1, d}, walk.batch->site, context.head->norm_weight,
                     {keys.row(at), 1, d});
    for (const bool own : {true, false}) {
      if ((own ? row.own_weight : row.shared_weight) <= 0.0) continue;
      recalled.sources.push_back({i, own});
      searched.push_back(
          {own ? lease.own : lease.shared, keys.view().row_span(at), recall_of(lease).neighbours});
    }
  }
  const std::vector<std::vector<Neighbour>> found =
      search_all(context, walk, recalled.sources, searched);
  for (std::size_t s = 0; s < found.size(); ++s) {
    const Source& source = recalled.sources[s];
    const Lease& lease = *walk.batch->leases[source.row];
    recalled.words.push_back(recall_distribution(found[s], recall_of(lease).temperature));
    GateInput& input = recalled.signals[source.row];
    (source.own ? input.own : input.shared) = recall_signals(found[s], recalled.words.back());
    (source.own ? input.has_own : input.has_shared) = true;
    if (source.own) input.quantised_own = mostly_quantised(lease.own);
  }
  return recalled;
}

void weigh_by_gate(const MixtureGate& gate, GateInput input, Row& row) {
  input.has_personal = row.group >= 0;
  const auto weights = gate(input);
  const auto of = [&](MixtureSource source) { return weights[static_cast<std::size_t>(source)]; };
  row.base_weight = of(MixtureSource::kModel);
  row.personal_weight = of(MixtureSource::kPersonal);
  row.shared_weight = of(MixtureSource::kShared);
  row.own_weight = of(MixtureSource::kOwn);
}

}  // namespace

Through through(const EngineOptions& options, const Lease& lease) {
  if (lease.index.index != nullptr) return {lease.index.index.get(), lease.index.wanted_recall};
  return {options.recall_index.get(), options.wanted_recall};
}

void recall(Context& context, Walk& walk) {
  const Recalled recalled = recall_all(context, walk);
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    const Lease* lease = walk.batch->leases[i];
    if (walk.rows[i].inert || lease->gate == nullptr) continue;
    weigh_by_gate(*lease->gate, recalled.signals[i], walk.rows[i]);
  }
  std::map<std::pair<std::size_t, std::int32_t>, double> mass;  // by row and token
  for (std::size_t s = 0; s < recalled.sources.size(); ++s) {
    const Source& source = recalled.sources[s];
    const Row& row = walk.rows[source.row];
    const double weight = source.own ? row.own_weight : row.shared_weight;
    for (const TokenWeight& word : recalled.words[s]) {
      mass[{source.row, word.token}] += weight * static_cast<double>(word.probability);
    }
  }
  for (const auto& [place, value] : mass) {
    walk.rows[place.first].recalled.push_back({place.second, value});
  }
}

}  // namespace pema::engine
