/// How versions of a pool relate: which are not needed, what one has of another, which adapters are
/// retired. Functions that write expect a transaction. Thread-safety: as the Registry.
#pragma once

#include <cstdint>
#include "pema/operating.h"
#include "profiles/registry.h"

namespace pema::profiles {

/// Versions that no profile names, but for the newest of each name, and what goes with them.
[[nodiscard]] PoolCollection unused_pools(Registry& registry);
/// Removes the rows of the collection's versions and dooms its objects.
void drop_pools(Registry& registry, const PoolCollection& collection);

/// Throws kMismatch, naming the first difference, unless a mask over `older` computes over `newer`
/// what it did, bit for bit, once it is widened with zeros; gates are not compared. Reads the files
/// of both where their blocks are not the same.
void check_growth(Registry& registry, const PoolRecord& older, const PoolRecord& newer);

/// Digests of a pool's adapters, through its files. The pool must have come from load_pool.
[[nodiscard]] Digest adapter_digest(const Pool& pool, std::int64_t adapter);

/// Writes which adapters of a version are retired; an empty mask is none.
void set_retired(Registry& registry, PoolId pool, const BitMask& retired);
/// What a new version inherits from the one before: adapters that it has at the same places.
[[nodiscard]] BitMask inherited_retired(Registry& registry, const PoolRecord& before,
                                        const Pool& pool);

}  // namespace pema::profiles
