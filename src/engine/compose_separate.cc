#include "src/engine/compose_separate.h"

#include <map>
#include <utility>

namespace pema::engine {
namespace {

bool is_composed(const Group& group) {
  return group.strategy == Strategy::kComposed && !group.selected.empty() &&
         group.lease->pool->info().algebra == Algebra::kSeparate;
}

bool from_tiles(const EngineOptions& options, const Group& group) {
  if (options.composition != NumberType::kFloat32) return true;
  const PoolInfo& info = group.lease->pool->info();
  const std::int64_t side =
      kernels::TiledRows::bytes(info.adapters, info.rank * info.hidden, NumberType::kFloat32);
  return group.selected.size() > kernels::kFewAdapters && 2 * 2 * side <= options.cache_bytes;
}

CacheEntry make_tiles(Context& context, const Pool& pool) {
  const PoolInfo& info = pool.info();
  std::vector<const float*> down;
  std::vector<const float*> up;
  std::vector<float> scale;
  for (const std::shared_ptr<const AdapterBlock>& block : pool.blocks()) {
    const AdapterBlockView& view = block->view();
    for (std::int64_t i = 0; i < view.count; ++i) {
      down.push_back(view.down.row(i * view.rank));
      up.push_back(view.up.row(i * view.rank));
    }
    scale.insert(scale.end(), view.scale.begin(), view.scale.end());
  }
  const NumberType type = context.options.composition;
  const std::int64_t cols = info.rank * info.hidden;
  CacheEntry entry;
  entry.tiles.down = kernels::TiledRows(down, {}, cols, type, context.pool);
  entry.tiles.up = kernels::TiledRows(up, scale, cols, type, context.pool);
  return entry;
}

CacheKey key_of(const Context& context, const Group& group) {
  // Sums over tiles run in another order than sums over the rows as they lie.
  const unsigned variant =
      variant_of(context.options.composition) + (from_tiles(context.options, group) ? 16U : 0U);
  return {EntryKind::kComposed, group.lease->pool->digest(), group.lease->mask_digest,
          static_cast<std::uint8_t>(variant)};
}

/// Groups of one pool that are summed the same way.
void compose_together(Context& context, const std::vector<Group*>& groups, bool tiles) {
  const Pool& pool = *groups[0]->lease->pool;
  const PoolInfo& info = pool.info();
  std::vector<std::span<const kernels::SelectedAdapter>> profiles;
  profiles.reserve(groups.size());
  for (const Group* group : groups) profiles.emplace_back(group->selected);
  std::vector<kernels::Composed> composed;
  if (tiles) {
    const std::shared_ptr<const CacheEntry> copy = context.cache.get(
        {EntryKind::kTiles, pool.digest(), {}, variant_of(context.options.composition)},
        [&] { return make_tiles(context, pool); });
    composed =
        kernels::compose_separate(copy->tiles, profiles, info.rank, info.hidden, context.pool);
  } else {
    composed = kernels::compose_separate(profiles, info.rank, info.hidden, context.pool);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    CacheEntry entry;
    entry.composed = std::move(composed[i]);
    groups[i]->composed = context.cache.put(key_of(context, *groups[i]), std::move(entry));
  }
}

}  // namespace

void compose_separate(Context& context, Walk& walk) {
  std::map<std::pair<Digest, bool>, std::vector<Group*>> missing;
  for (Group& group : walk.groups) {
    if (!is_composed(group)) continue;
    group.composed = context.cache.find(key_of(context, group));
    if (group.composed) continue;
    const bool tiles = from_tiles(context.options, group);
    missing[{group.lease->pool->digest(), tiles}].push_back(&group);
  }
  for (const auto& [key, groups] : missing) compose_together(context, groups, key.second);
}

}  // namespace pema::engine
