/// What fits a memory budget, from the registry's rows and the objects' headers, before anything
/// loads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pema/engine.h"
#include "pema/memory_manager.h"
#include "pema/number_type.h"
#include "pema/store.h"

namespace pema {

struct MemoryPlanOptions {
  std::int64_t budget_bytes = 0;
  NumberType projection = NumberType::kFloat32;   ///< type of U
  NumberType composition = NumberType::kFloat32;  ///< of copies of pools of the separate algebra
  IndexChoice indexes = {};                       ///< that leases get
};

/// One thing that serving would hold.
struct PlannedMemory {
  MemoryKind kind = MemoryKind::kPool;
  std::string name;  ///< of the pool, the index, or a segment that has one; otherwise its digest's
                     ///< start
  Digest digest;
  std::int64_t bytes = 0;    ///< of what is loaded what the manager will count; of U the values
  std::int64_t readers = 0;  ///< of the profiles that the plan is for
  bool fits = false;         ///< beside everything that comes before it
};

/// U of one pool in one type.
struct PlannedProjection {
  std::string pool;
  NumberType type = NumberType::kFloat32;
  std::int64_t bytes = 0;
  bool fits = false;  ///< beside the pools and segments that fit
};

struct MemoryPlan {
  std::int64_t budget_bytes = 0;
  std::int64_t profiles = 0;
  /// Most worth first. Pools and segments come first, because a lease needs them, then indexes,
  /// which it can do without, then what is made; among each the more readers, the earlier: mapping
  /// costs time by the byte, so bytes cancel out of worth per byte. One composed bottleneck per
  /// distinct mask is one line per pool.
  std::vector<PlannedMemory> items;
  std::int64_t bytes = 0;                      ///< of all items
  std::int64_t fitting_bytes = 0;              ///< of those that fit
  std::vector<PlannedProjection> projections;  ///< every pool that can be projected, in every type
  std::int64_t masks = 0;                      ///< distinct ones
  std::int64_t fitting_masks = 0;              ///< whose bottlenecks fit together behind the items
  /// The profile that needs most at once, and what for its lease alone, without an index; above the
  /// budget it cannot be served.
  std::string largest_profile;
  std::int64_t largest_lease = 0;
};

/// For the profiles `names`, or all of the store without names. Throws kNotFound on an unknown
/// profile or index, kCorrupt on rows or object headers that are damaged, kInvalidArgument on a
/// negative budget. Thread-safety: as Store.
[[nodiscard]] MemoryPlan plan_memory(const Store& store, std::span<const std::string> names,
                                     const MemoryPlanOptions& options);

}  // namespace pema
