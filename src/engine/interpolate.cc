#include "src/engine/interpolate.h"

#include <algorithm>

#include "kernels/interpolate.h"

namespace pema::engine {
namespace {

kernels::MixtureRow mixture(const Walk& walk, std::size_t i, const float* personal) {
  const Row& row = walk.rows[i];
  return {walk.batch->logits.row(static_cast<std::int64_t>(i)),
          personal,
          row.base_weight,
          row.personal_weight,
          row.recalled,
          row.shortlist ? &*row.shortlist : nullptr};
}

}  // namespace

void interpolate(Context& context, const Walk& walk, MatrixView<float> out) {
  std::vector<kernels::MixtureRow> mixed;
  std::vector<float*> mixed_out;
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    float* row = out.row(static_cast<std::int64_t>(i));
    if (walk.rows[i].inert) {
      const float* logits = walk.batch->logits.row(static_cast<std::int64_t>(i));
      std::copy(logits, logits + context.model.vocab, row);
    } else {
      mixed.push_back(mixture(walk, i, row));
      mixed_out.push_back(row);
    }
  }
  kernels::interpolate(mixed, context.model.vocab, mixed_out, context.pool);
}

void interpolate_targets(Context& context, const Walk& walk, MatrixView<const float> personal,
                         std::span<const std::int64_t> targets, std::span<double> out) {
  std::vector<kernels::MixtureRow> mixed;
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    mixed.push_back(mixture(walk, i, personal.row(static_cast<std::int64_t>(i))));
  }
  kernels::interpolate_targets(mixed, context.model.vocab, targets, out, context.pool);
}

}  // namespace pema::engine
