/// Step 2: which rows share a bottleneck, and how it is computed. Host only; allocates.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Groups the rows of a checked batch by pool and mask digest, in order of first appearance, and
/// chooses each group's strategy. Throws kUnsupported when the options ask for a strategy that a
/// pool cannot use.
[[nodiscard]] Walk plan(const Context& context, const Batch& batch);

/// The strategy for one lease's pool and mask. Depends on the options and the lease alone, never on
/// the batch or on what the cache holds, so that a row's bits do not either. Throws kUnsupported.
[[nodiscard]] Strategy choose_strategy(const ModelInfo& model, const EngineOptions& options,
                                       const Lease& lease);

}  // namespace pema::engine
