#include "tools/experiment/pool_gate.h"

#include <algorithm>
#include <utility>

#include "kernels/parallel.h"
#include "pema/error.h"
#include "src/memory/search.h"
#include "tools/experiment/scoring.h"

namespace pema::tools {
namespace {

using Segments = std::vector<std::shared_ptr<const Segment>>;

/// What one memory gives: signals and the target's probability go into `rows` where it is.
void recall_into(std::vector<train::GateRow>& rows, const Segments& segments, bool own,
                 MatrixView<const float> keys, std::span<const std::int32_t> targets,
                 const GateRecall& recall, kernels::ThreadPool& pool) {
  const bool there = std::any_of(segments.begin(), segments.end(),
                                 [](const auto& s) { return s->info().entries > 0; });
  if (!there) return;
  std::vector<memory::SearchRow> searched;
  for (std::int64_t i = 0; i < keys.rows; ++i) {
    searched.push_back({segments, keys.row_span(i), recall.neighbours});
  }
  const auto found = memory::search(searched, pool);
  const auto source = static_cast<std::size_t>(own ? MixtureSource::kOwn : MixtureSource::kShared);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto words = recall_distribution(found[i], recall.temperature);
    GateInput& input = rows[i].input;
    (own ? input.has_own : input.has_shared) = true;
    (own ? input.own : input.shared) = recall_signals(found[i], words);
    for (const TokenWeight& word : words) {
      if (word.token != targets[i]) continue;
      rows[i].probability[source] = std::min(1.0, static_cast<double>(word.probability));
    }
  }
}

/// A segment of the parts that teach others, one per person; null for a person without rows.
Segments teachers(const Workshop& shop, std::span<const PersonMaterial* const> people,
                  PoolParts parts) {
  Segments segments;
  for (std::size_t i = 0; i < people.size(); ++i) {
    const SampleSet rows = PoolRows(people.subspan(i, 1), parts).train();
    segments.push_back(make_segment(shop.base(), rows.view()));
  }
  return segments;
}

}  // namespace

std::vector<train::GateRow> gate_rows(Workshop& shop, const Lease& lease, const Samples& rows,
                                      const GateRecall& recall) {
  std::vector<train::GateRow> result(static_cast<std::size_t>(rows.rows()));
  if (result.empty()) return result;
  Lease adapters = lease;
  adapters.own.clear();
  adapters.shared.clear();
  const auto sources = ScoredRows(rows, shop.head, shop.threads).sources(shop.engine, adapters);
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i].input.has_personal = !sources.pema.empty();
    result[i].probability[0] = static_cast<double>(sources.lm[i]);
    if (!sources.pema.empty()) result[i].probability[1] = static_cast<double>(sources.pema[i]);
  }
  Matrix<float> keys(rows.rows(), rows.features.cols);
  make_recall_keys(rows.features, shop.site, shop.head.norm_weight, keys.view());
  kernels::ThreadPool pool(shop.threads);
  const Matrix<float>& view = keys;
  recall_into(result, lease.own, true, view.view(), rows.targets, recall, pool);
  recall_into(result, lease.shared, false, view.view(), rows.targets, recall, pool);
  return result;
}

Pool add_gate(Workshop& shop, const Pool& pool, std::span<const PersonMaterial* const> people,
              PoolParts parts, std::span<const ProfileMask> masks,
              const train::GateOptions& options) {
  PEMA_CHECK(masks.empty() || masks.size() == people.size(), kInvalidArgument, "a gate needs ",
             people.size(), " masks or none, not ", masks.size());
  const Segments segments = teachers(shop, people, parts);
  const auto copy = std::make_shared<const Pool>(pool);
  const auto total = static_cast<std::int64_t>(people.size());
  std::vector<train::GateRow> rows;
  for (std::int64_t i = 0; i < total; ++i) {
    checkpoint(shop.progress, "gate: recall for the pool's people", i, total, "people");
    const auto at = static_cast<std::size_t>(i);
    Lease lease;
    lease.pool = copy;
    if (!masks.empty()) lease.mask = masks[at];
    lease.mask_digest = lease.mask.digest();
    if (const auto own = make_segment(shop.base(), people[at]->train.view())) lease.own = {own};
    for (std::size_t other = 0; other < segments.size(); ++other) {
      if (other != at && segments[other] != nullptr) lease.shared.push_back(segments[other]);
    }
    const auto more = gate_rows(shop, lease, people[at]->dev.view(), options.recall);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  checkpoint(shop.progress, "gate: recall for the pool's people", total, total, "people");
  PEMA_CHECK(!rows.empty(), kInvalidArgument,
             "nobody of the pool has a dev part to learn a gate on; give people more texts, or "
             "leave the gate out (--no-gate)");
  auto gate = std::make_shared<const MixtureGate>(train::learn_gate(rows, options));
  return {pool.info(),
          pool.shared_block(),
          {pool.blocks().begin(), pool.blocks().end()},
          std::move(gate)};
}

}  // namespace pema::tools
