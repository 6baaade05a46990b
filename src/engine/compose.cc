#include "src/engine/compose.h"

#include <map>

#include "src/engine/compose_separate.h"
#include "src/engine/projection.h"

namespace pema::engine {
namespace {

std::int64_t shared_rank(const Pool& pool) {
  return pool.shared() != nullptr ? pool.shared()->view().rank : 0;
}

void append_composed(Context& context, Group& group) {
  const Pool& pool = *group.lease->pool;
  const PoolInfo& info = pool.info();
  if (info.algebra == Algebra::kMixture) {
    group.composed =
        context.cache.get({EntryKind::kComposed, pool.digest(), group.lease->mask_digest}, [&] {
          CacheEntry entry;
          entry.composed = kernels::compose_mixture(group.selected, info.rank, info.hidden);
          return entry;
        });
  }
  const kernels::Composed& composed = group.composed->composed;
  kernels::append_composed(composed.down.view(), composed.up.view(), composed.up_weights,
                           group.bottleneck);
}

void append_factored(Group& group) {
  const PoolInfo& info = group.lease->pool->info();
  if (info.algebra == Algebra::kSeparate) {
    kernels::append_separate(group.selected, info.rank, info.hidden, group.bottleneck);
  } else {
    kernels::append_mixture(group.selected, info.rank, info.hidden, info.hidden, group.bottleneck);
  }
}

/// The down side stays. The numbers of the rows of U^T stand beside the up rows; in float32 the
/// rows themselves also take their place.
void append_projected(Group& group) {
  const Pool& pool = *group.lease->pool;
  const Matrix<float>& projection = group.composed->projection;
  const bool float32 = projection.rows() != 0;
  const std::int64_t d = pool.info().hidden;
  // The adapters' rows of U^T follow one another from `first` on.
  const auto append = [&](std::vector<kernels::SelectedAdapter>& adapters, std::int64_t first,
                          std::int64_t rank) {
    for (kernels::SelectedAdapter& adapter : adapters) {
      const std::int64_t row = first + adapter.index * rank;
      if (float32) adapter.up = projection.row(row);
      if (adapter.up_weight != 0.0F) {  // append_mixture leaves the others out
        for (std::int64_t p = 0; p < rank; ++p) {
          group.projection_rows.push_back(static_cast<std::int32_t>(row + p));
        }
      }
    }
    kernels::append_mixture(adapters, rank, d, float32 ? projection.cols() : d, group.bottleneck);
  };
  append(group.shared, 0, shared_rank(pool));
  append(group.selected, pool.shared() != nullptr ? pool.shared()->view().up.rows : 0,
         pool.info().rank);
}

}  // namespace

void compose(Context& context, Walk& walk) {
  compose_separate(context, walk);
  // Groups of one pool share its projection even when the cache is too small to keep it.
  std::map<Digest, std::shared_ptr<const CacheEntry>> projections;
  for (Group& group : walk.groups) {
    const Pool& pool = *group.lease->pool;
    if (group.strategy == Strategy::kProjected) {
      std::shared_ptr<const CacheEntry>& projection = projections[pool.digest()];
      if (!projection) {
        projection = context.cache.get(
            {EntryKind::kProjection, pool.digest(), {}, variant_of(context.options.projection)},
            [&] { return pool_projection(context, pool); });
      }
      group.composed = projection;
      append_projected(group);
      continue;
    }
    kernels::append_mixture(group.shared, shared_rank(pool), pool.info().hidden, pool.info().hidden,
                            group.bottleneck);
    if (group.selected.empty()) continue;
    if (group.strategy == Strategy::kComposed) {
      append_composed(context, group);
    } else {
      append_factored(group);
    }
  }
}

}  // namespace pema::engine
