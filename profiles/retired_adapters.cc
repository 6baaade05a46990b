#include "profiles/retired_adapters.h"

#include "pema/error.h"

namespace pema::profiles {
namespace {

bool selects(const ProfileMask& mask, std::int64_t adapter) {
  const bool up_side = mask.up.size() > 0 || !mask.up_weights.empty();
  return adapter < mask.size() &&
         (mask.weight(adapter, false) != 0 || (up_side && mask.weight(adapter, true) != 0));
}

}  // namespace

RetiredAdapters::RetiredAdapters(sql::Database& database) {
  sql::Query row = database.query("SELECT id, adapters, retired FROM pool");
  while (row->step()) {
    BitMask& retired = pools_[PoolId{row->integer(0)}];
    if (row->null(2)) continue;
    retired = BitMask::from_bytes(row->integer(1), row->blob(2));
    any_ = true;
  }
}

void RetiredAdapters::require_pool(PoolId pool) const {
  PEMA_CHECK(!pool || pools_.contains(pool), kNotFound, "pool ", pool.value,
             " was removed since a profile was to have masks over it; use a version that is there "
             "(`pema pool ls`)");
}

const BitMask* RetiredAdapters::of(PoolId pool) const {
  const auto found = pools_.find(pool);
  return found == pools_.end() || found->second.none() ? nullptr : &found->second;
}

std::int64_t newly_selected(const BitMask& retired, const ProfileMask& mask,
                            const ProfileMask* before) {
  for (const std::int64_t adapter : retired.indices()) {
    if (selects(mask, adapter) && (before == nullptr || !selects(*before, adapter))) return adapter;
  }
  return -1;
}

}  // namespace pema::profiles
