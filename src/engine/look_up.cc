#include "src/engine/look_up.h"

#include "src/engine/lease.h"

namespace pema::engine {
namespace {

/// Appends the adapters of `block` that `mask` selects; its first adapter is number `first` of the
/// pool, and the mask may end before the block does.
void select(const AdapterBlockView& block, std::int64_t first, const Pool& pool,
            const ProfileMask& mask, std::vector<kernels::SelectedAdapter>& selected) {
  const PoolInfo& info = pool.info();
  const bool separate = info.algebra == Algebra::kSeparate;
  for (std::int64_t i = 0; i < block.count && first + i < mask.size(); ++i) {
    const double down = static_cast<double>(mask.weight(first + i, false));
    const double up = separate ? static_cast<double>(mask.weight(first + i, true)) : down;
    if (down == 0.0 && up == 0.0) continue;
    const double c = separate ? info.mask_scale : 1.0;
    const double scale = static_cast<double>(block.scale[static_cast<std::size_t>(i)]);
    selected.push_back({first + i, block.down.row(i * block.rank), block.up.row(i * block.rank),
                        separate ? static_cast<float>(c * down) : 1.0F,
                        static_cast<float>(c * up * scale), static_cast<float>(c * up)});
  }
}

void look_up_group(Group& group) {
  const Pool& pool = *group.lease->pool;
  if (const AdapterBlock* shared = pool.shared()) {
    const AdapterBlockView& view = shared->view();
    for (std::int64_t i = 0; i < view.count; ++i) {
      group.shared.push_back({i, view.down.row(i * view.rank), view.up.row(i * view.rank), 1.0F,
                              view.scale[static_cast<std::size_t>(i)], 1.0F});
    }
  }
  // Half a separate mask gives no delta; the sides are left out together.
  if (group.lease->mask.none()) return;
  std::int64_t first = 0;
  for (const std::shared_ptr<const AdapterBlock>& block : pool.blocks()) {
    select(block->view(), first, pool, group.lease->mask, group.selected);
    first += block->view().count;
  }
}

}  // namespace

void look_up(Walk& walk) {
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    Row& row = walk.rows[i];
    if (row.inert) continue;
    const Lease& lease = *walk.batch->leases[i];
    SourceWeights weights = source_weights(lease);
    if (row.skips_recall) weights = without_memory(weights);
    row.own_weight = weights.own;
    row.shared_weight = weights.shared;
    if (lease.gate != nullptr) continue;  // step 7 weighs, by what the recall found
    const double lambda = weights.personal
                              ? lease.schedule.at(walk.batch->step[i], walk.batch->source_length[i])
                              : 0.0;
    row.personal_weight = weights.rest * lambda;
    row.base_weight = weights.rest * (1.0 - lambda);
  }
  for (Group& group : walk.groups) look_up_group(group);
}

}  // namespace pema::engine
