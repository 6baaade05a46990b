#include "src/engine/skip_recall.h"

#include "kernels/interpolate.h"
#include "src/engine/lease.h"

namespace pema::engine {

void skip_recall(Context& context, Walk& walk) {
  const double limit = context.options.skip_recall_above;
  if (limit >= 1.0) return;
  std::vector<std::size_t> searched;
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    if (walk.rows[i].inert) continue;
    const SourceWeights weights = source_weights(*walk.batch->leases[i]);
    if (weights.rest > 0.0 && (weights.own > 0.0 || weights.shared > 0.0)) searched.push_back(i);
  }
  const MatrixView<const float>& logits = walk.batch->logits;
  context.pool.run(std::ssize(searched), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      const std::size_t i = searched[static_cast<std::size_t>(s)];
      // The likeliest word has probability exp(0) / sum. A NaN, which the mixture refuses, is no
      // reason to skip.
      const double sum = kernels::logit_sums(logits.row_span(static_cast<std::int64_t>(i))).sum;
      walk.rows[i].skips_recall = sum > 0.0 && 1.0 / sum > limit;
    }
  });
}

}  // namespace pema::engine
