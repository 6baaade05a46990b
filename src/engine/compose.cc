#include "src/engine/compose.h"

#include <algorithm>
#include <map>

#include "kernels/head_product.h"
#include "src/engine/compose_separate.h"
#include "src/engine/projection_file.h"

namespace pema::engine {
namespace {

// Rows of U^T that are computed before they are rounded: 13 MB at 49,152 words.
constexpr std::int64_t kBlock = 64;

/// The up rows of the shared adapter, then of every block.
std::vector<const float*> up_rows(const Pool& pool) {
  std::vector<const float*> up;
  const auto add = [&](const AdapterBlock& block) {
    for (std::int64_t i = 0; i < block.view().up.rows; ++i) up.push_back(block.view().up.row(i));
  };
  if (pool.shared() != nullptr) add(*pool.shared());
  for (const std::shared_ptr<const AdapterBlock>& block : pool.blocks()) add(*block);
  return up;
}

void head_rows(Context& context, std::span<const float* const> up, Matrix<float>& out) {
  std::vector<float*> rows(up.size());
  for (std::size_t i = 0; i < up.size(); ++i) rows[i] = out.row(static_cast<std::int64_t>(i));
  kernels::head_product(context.head->weight.view(), up, rows, false, context.pool);
}

/// U^T of one pool: its up rows through the head.
CacheEntry make_projection(Context& context, const Pool& pool) {
  const std::vector<const float*> up = up_rows(pool);
  const std::int64_t vocab = context.model.vocab;
  CacheEntry entry;
  if (context.options.projection == NumberType::kFloat32) {
    entry.projection = Matrix<float>(std::ssize(up), vocab);
    head_rows(context, up, entry.projection);
    return entry;
  }
  const bool int8 = context.options.projection == NumberType::kInt8;
  if (int8) {
    entry.projection_int8 = kernels::Int8Matrix(std::ssize(up), vocab);
  } else {
    entry.projection_half = kernels::HalfMatrix(std::ssize(up), vocab, context.options.projection);
  }
  Matrix<float> block(std::min(kBlock, std::ssize(up)), vocab);
  for (std::int64_t first = 0; first < std::ssize(up); first += kBlock) {
    const std::int64_t count = std::min(kBlock, std::ssize(up) - first);
    head_rows(
        context,
        std::span(up).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
        block);
    context.pool.run(count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        if (int8) {
          entry.projection_int8.quantise(first + i, block.row(i));
        } else {
          entry.projection_half.round(first + i, block.row(i));
        }
      }
    });
  }
  return entry;
}

/// The same from the folder of projections, where there is one.
CacheEntry stored_projection(Context& context, const Pool& pool) {
  return load_or_make_projection(context.options.projection_folder,
                                 projection_key(context.model, context.options.projection, pool),
                                 context.cache.stats(),
                                 [&] { return make_projection(context, pool); });
}

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

/// The down side stays. Rows of U^T in float32 take the place of the up rows; of the other types
/// their numbers stand beside them.
void append_projected(Group& group) {
  const Pool& pool = *group.lease->pool;
  const Matrix<float>& projection = group.composed->projection;
  const bool numbered = projection.rows() == 0;
  const std::int64_t d = pool.info().hidden;
  // The adapters' rows of U^T follow one another from `first` on.
  const auto append = [&](std::vector<kernels::SelectedAdapter>& adapters, std::int64_t first,
                          std::int64_t rank) {
    for (kernels::SelectedAdapter& adapter : adapters) {
      const std::int64_t row = first + adapter.index * rank;
      if (!numbered) {
        adapter.up = projection.row(row);
      } else if (adapter.up_weight != 0.0F) {  // append_mixture leaves the others out
        for (std::int64_t p = 0; p < rank; ++p) {
          group.projection_rows.push_back(static_cast<std::int32_t>(row + p));
        }
      }
    }
    kernels::append_mixture(adapters, rank, d, numbered ? d : projection.cols(), group.bottleneck);
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
        projection = context.cache.get({EntryKind::kProjection, pool.digest()},
                                       [&] { return stored_projection(context, pool); });
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
