#include "src/engine/device_rows.h"

#include <algorithm>
#include <map>

namespace pema::engine {
namespace {

const Group* group_of(const Walk& walk, std::int64_t batch_row) {
  const std::int64_t group = walk.rows[static_cast<std::size_t>(batch_row)].group;
  return group < 0 ? nullptr : &walk.groups[static_cast<std::size_t>(group)];
}

std::vector<std::int64_t> gathered(const Walk& walk) {
  std::map<Digest, std::vector<const Group*>> by_pool;
  std::vector<Digest> pools;  // in order of first appearance
  for (const Group& group : walk.groups) {
    std::vector<const Group*>& groups = by_pool[group.lease->pool->digest()];
    if (groups.empty()) pools.push_back(group.lease->pool->digest());
    groups.push_back(&group);
  }
  std::vector<std::int64_t> rows;
  for (const Digest& pool : pools) {
    for (const Group* group : by_pool[pool]) {
      rows.insert(rows.end(), walk.row_order.begin() + group->begin,
                  walk.row_order.begin() + group->end);
    }
  }
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    if (!walk.rows[i].inert && walk.rows[i].group < 0) {
      rows.push_back(static_cast<std::int64_t>(i));
    }
  }
  return rows;
}

void add_row(const Walk& walk, std::int64_t at, std::int64_t batch_row, DeviceOrder& order) {
  if (const Group* group = group_of(walk, batch_row)) {
    const Pool* pool = group->lease->pool.get();
    PoolRows* last = order.pools.empty() ? nullptr : &order.pools.back();
    if (last == nullptr || last->run.end != at || last->pool->digest() != pool->digest() ||
        last->strategy != group->strategy) {
      last = &order.pools.emplace_back();
      last->run = {at, at};
      last->pool = pool;
      last->strategy = group->strategy;
    }
    last->run.end = at + 1;
  }
  if (walk.rows[static_cast<std::size_t>(batch_row)].inert) return;
  if (order.mixed.empty() || order.mixed.back().end != at) order.mixed.push_back({at, at});
  order.mixed.back().end = at + 1;
}

void add_latents(const std::vector<kernels::SelectedAdapter>& adapters, std::int64_t first,
                 std::int64_t rank, std::span<const float> factors, HostCsr& lists) {
  for (const kernels::SelectedAdapter& adapter : adapters) {
    if (adapter.up_weight == 0.0F) continue;
    for (std::int64_t p = 0; p < rank; ++p) {
      const std::int64_t row = first + adapter.index * rank + p;
      const float factor = factors.empty() ? 1.0F : factors[static_cast<std::size_t>(row)];
      lists.add(row, adapter.up_weight * factor);
    }
  }
}

}  // namespace

DeviceOrder order_rows(const Walk& walk, bool as_given) {
  DeviceOrder order;
  if (as_given) {
    for (std::size_t i = 0; i < walk.rows.size(); ++i) {
      order.batch_row.push_back(static_cast<std::int64_t>(i));
    }
  } else {
    order.batch_row = gathered(walk);
  }
  order.device_row.assign(walk.rows.size(), -1);
  for (std::int64_t at = 0; at < std::ssize(order.batch_row); ++at) {
    const std::int64_t row = order.batch_row[static_cast<std::size_t>(at)];
    order.device_row[static_cast<std::size_t>(row)] = at;
    add_row(walk, at, row, order);
  }
  return order;
}

HostCsr latent_lists(const Walk& walk, DeviceOrder& order) {
  HostCsr lists;
  auto rows = order.pools.begin();
  for (std::int64_t at = 0; at < std::ssize(order.batch_row); ++at) {
    const std::int64_t before = lists.entries();
    if (const Group* group = group_of(walk, order.batch_row[static_cast<std::size_t>(at)])) {
      while (rows->run.end <= at) ++rows;
      const Pool& pool = *rows->pool;
      std::span<const float> factors;
      if (rows->projection) factors = rows->projection->factors;
      const AdapterBlock* shared = pool.shared();
      add_latents(group->shared, 0, shared != nullptr ? shared->view().rank : 0, factors, lists);
      if (pool.info().algebra == Algebra::kMixture) {
        add_latents(group->selected, shared != nullptr ? shared->view().up.rows : 0,
                    pool.info().rank, factors, lists);
      }
      rows->longest = std::max(rows->longest, lists.entries() - before);
    }
    lists.end_row();
  }
  return lists;
}

}  // namespace pema::engine
