#include "src/engine/project.h"

#include <algorithm>
#include <map>

#include "kernels/half_rows.h"
#include "kernels/head_product.h"
#include "kernels/int8_rows.h"
#include "kernels/weighted_sum.h"
#include "src/engine/project_shortlists.h"

namespace pema::engine {
namespace {

/// Rows that go through the head: from their delta to their logits.
struct HeadRows {
  std::vector<const float*> in;
  std::vector<float*> out;
};

}  // namespace

void project(Context& context, Walk& walk, MatrixView<float> personal) {
  std::vector<ListedRow> listed;
  HeadRows added;     // residual: W delta on top of l
  HeadRows replaced;  // distribution: W norm(delta)
  std::vector<kernels::WeightedRows> projected;
  // By projection.
  std::map<const CacheEntry*, std::vector<kernels::Int8Sum>> projected_int8;
  std::map<const CacheEntry*, std::vector<kernels::HalfSum>> projected_half;
  for (const Group& group : walk.groups) {
    const bool residual = group.lease->pool->info().form == Form::kResidual;
    for (std::int64_t i = group.begin; i < group.end; ++i) {
      const std::int64_t row = walk.row_order[static_cast<std::size_t>(i)];
      float* out = personal.row(row);
      if (neglects(context.options, group.lease->pool->info())) {
        listed.push_back({&walk.rows[static_cast<std::size_t>(row)], walk.batch->logits.row(row),
                          walk.delta.row(i), out});
        continue;
      }
      if (residual) {
        const float* logits = walk.batch->logits.row(row);
        std::copy(logits, logits + context.model.vocab, out);
      } else if (group.strategy == Strategy::kProjected) {
        std::fill_n(out, context.model.vocab, 0.0F);
      }
      const CacheEntry* entry = group.composed.get();
      if (group.strategy == Strategy::kProjected && entry->projection_int8.rows() != 0) {
        projected_int8[entry].push_back(
            {group.projection_rows, group.weights.view().row_span(i - group.begin), out});
      } else if (group.strategy == Strategy::kProjected && entry->projection_half.rows() != 0) {
        projected_half[entry].push_back(
            {group.projection_rows, group.weights.view().row_span(i - group.begin), out});
      } else if (group.strategy == Strategy::kProjected) {
        projected.push_back(
            {group.bottleneck.up.rows, group.weights.view().row_span(i - group.begin), out});
      } else {
        HeadRows& rows = residual ? added : replaced;
        rows.in.push_back(walk.delta.row(i));
        rows.out.push_back(out);
      }
    }
  }
  project_shortlists(context, listed);
  const MatrixView<const float> head = context.head->weight.view();
  kernels::head_product(head, added.in, added.out, true, context.pool);
  kernels::head_product(head, replaced.in, replaced.out, false, context.pool);
  kernels::add_weighted_rows(projected, context.model.vocab, context.pool);
  for (const auto& [entry, sums] : projected_int8) {
    kernels::add_int8_rows(entry->projection_int8, sums, context.pool);
  }
  for (const auto& [entry, sums] : projected_half) {
    kernels::add_weighted_rows(entry->projection_half, sums, context.pool);
  }
}

}  // namespace pema::engine
