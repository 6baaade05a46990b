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
  const bool quantised = own && mostly_quantised(segments);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto words = recall_distribution(found[i], recall.temperature);
    GateInput& input = rows[i].input;
    (own ? input.has_own : input.has_shared) = true;
    (own ? input.own : input.shared) = recall_signals(found[i], words);
    if (own) input.quantised_own = quantised;
    rows[i].probability[source] = 0;
    for (const TokenWeight& word : words) {
      if (word.token != targets[i]) continue;
      rows[i].probability[source] = std::min(1.0, static_cast<double>(word.probability));
    }
  }
}

Matrix<float> keys_of(const Workshop& shop, const Samples& rows) {
  Matrix<float> keys(rows.rows(), rows.features.cols);
  make_recall_keys(rows.features, shop.site, shop.head.norm_weight, keys.view());
  return keys;
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
  const Matrix<float> keys = keys_of(shop, rows);
  kernels::ThreadPool pool(shop.threads);
  recall_into(result, lease.own, true, keys.view(), rows.targets, recall, pool);
  recall_into(result, lease.shared, false, keys.view(), rows.targets, recall, pool);
  return result;
}

std::shared_ptr<const Codebook> learn_pool_codebook(const Workshop& shop,
                                                    std::span<const PersonMaterial* const> people,
                                                    PoolParts parts) {
  const CodebookOptions options;
  Segments segments = teachers(shop, people, parts);
  std::erase(segments, nullptr);
  std::int64_t entries = 0;
  for (const auto& segment : segments) entries += segment->info().entries;
  if (entries < Codebook::kCentroids) return nullptr;
  return learn_codebook(segments, options, shop.progress);
}

Pool add_gate(Workshop& shop, const Pool& pool, std::span<const PersonMaterial* const> people,
              const GateLesson& lesson) {
  const std::span<const ProfileMask> masks = lesson.masks;
  const GateRecall& recall = lesson.options.recall;
  PEMA_CHECK(masks.empty() || masks.size() == people.size(), kInvalidArgument, "a gate needs ",
             people.size(), " masks or none, not ", masks.size());
  const Segments segments = teachers(shop, people, lesson.parts);
  const auto copy = std::make_shared<const Pool>(pool);
  const auto total = static_cast<std::int64_t>(people.size());
  std::vector<train::GateRow> rows;
  kernels::ThreadPool threads(shop.threads);
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
    auto more = gate_rows(shop, lease, people[at]->dev.view(), recall);
    rows.insert(rows.end(), more.begin(), more.end());
    if (lease.own.empty() || lesson.codebook == nullptr) continue;
    const KeyChoice quantised{KeyType::kProductQuantised, lesson.codebook};
    lease.own = {make_segment(shop.base(), people[at]->train.view(), quantised)};
    const Samples dev = people[at]->dev.view();
    recall_into(more, lease.own, true, keys_of(shop, dev).view(), dev.targets, recall, threads);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  checkpoint(shop.progress, "gate: recall for the pool's people", total, total, "people");
  PEMA_CHECK(!rows.empty(), kInvalidArgument,
             "nobody of the pool has a dev part to learn a gate on; give people more texts, or "
             "leave the gate out (--no-gate)");
  auto gate = std::make_shared<const MixtureGate>(train::learn_gate(rows, lesson.options));
  return {pool.info(),
          pool.shared_block(),
          {pool.blocks().begin(), pool.blocks().end()},
          std::move(gate)};
}

}  // namespace pema::tools
