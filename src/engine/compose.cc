#include "src/engine/compose.h"

#include <map>

#include "kernels/head_product.h"

namespace pema::engine {
namespace {

/// U^T of one pool: the up rows of the shared adapter, then of every block, through the head.
CacheEntry make_projection(Context& context, const Pool& pool) {
  std::vector<const float*> up;
  const auto add = [&](const AdapterBlock& block) {
    for (std::int64_t i = 0; i < block.view().up.rows; ++i) up.push_back(block.view().up.row(i));
  };
  if (pool.shared() != nullptr) add(*pool.shared());
  for (const std::shared_ptr<const AdapterBlock>& block : pool.blocks()) add(*block);
  CacheEntry entry;
  entry.projection = Matrix<float>(std::ssize(up), context.model.vocab);
  std::vector<float*> out(up.size());
  for (std::size_t i = 0; i < up.size(); ++i) {
    out[i] = entry.projection.row(static_cast<std::int64_t>(i));
  }
  kernels::head_product(context.head->weight.view(), up, out, false, context.pool);
  return entry;
}

std::int64_t shared_rank(const Pool& pool) {
  return pool.shared() != nullptr ? pool.shared()->view().rank : 0;
}

void append_composed(Context& context, Group& group) {
  const Pool& pool = *group.lease->pool;
  const PoolInfo& info = pool.info();
  group.composed = context.cache.get({pool.digest(), group.lease->mask_digest}, [&] {
    CacheEntry entry;
    entry.composed = info.algebra == Algebra::kSeparate
                         ? kernels::compose_separate(group.selected, info.rank, info.hidden)
                         : kernels::compose_mixture(group.selected, info.rank, info.hidden);
    return entry;
  });
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

/// Up rows become rows of U^T [.., V]; the down side stays.
void append_projected(Group& group) {
  const Pool& pool = *group.lease->pool;
  const Matrix<float>& projection = group.composed->projection;
  const std::int64_t first = pool.shared() != nullptr ? pool.shared()->view().up.rows : 0;
  for (kernels::SelectedAdapter& adapter : group.shared) {
    adapter.up = projection.row(adapter.index * shared_rank(pool));
  }
  for (kernels::SelectedAdapter& adapter : group.selected) {
    adapter.up = projection.row(first + adapter.index * pool.info().rank);
  }
  kernels::append_mixture(group.shared, shared_rank(pool), pool.info().hidden, projection.cols(),
                          group.bottleneck);
  kernels::append_mixture(group.selected, pool.info().rank, pool.info().hidden, projection.cols(),
                          group.bottleneck);
}

}  // namespace

void compose(Context& context, Walk& walk) {
  // Groups of one pool share its projection even when the cache is too small to keep it.
  std::map<Digest, std::shared_ptr<const CacheEntry>> projections;
  for (Group& group : walk.groups) {
    const Pool& pool = *group.lease->pool;
    if (group.strategy == Strategy::kProjected) {
      std::shared_ptr<const CacheEntry>& projection = projections[pool.digest()];
      if (!projection) {
        projection = context.cache.get({pool.digest(), Digest{}},
                                       [&] { return make_projection(context, pool); });
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
