/// Step 2: which rows share a bottleneck, and how it is computed. Host only; allocates.
#pragma once

#include <vector>

#include "pema/planner.h"
#include "src/engine/walk.h"

namespace pema::engine {

/// Groups the rows of a checked batch by pool and mask digest, in order of first appearance, and
/// chooses each group's strategy: what changes bits by choose_strategy, what does not by the batch
/// and the cache. Throws kUnsupported when the options ask for a strategy that a pool cannot use.
[[nodiscard]] Walk plan(const Context& context, const Batch& batch);

/// The strategy for one lease's pool and mask. Depends on the options and the lease alone, never on
/// the batch or on what the cache holds, so that a row's bits do not either. In the mixture algebra
/// kFactored stands for kComposed too, which gives the same bits. Throws kUnsupported.
[[nodiscard]] Strategy choose_strategy(const ModelInfo& model, const EngineOptions& options,
                                       const Lease& lease);

/// Composed or factored, whichever is predicted to be faster for a group of `rows` rows in the
/// mixture algebra; `held`: the composed mask is in the cache. Both give the same bits.
[[nodiscard]] Strategy same_bits_strategy(const ModelInfo& model, const EngineOptions& options,
                                          const Lease& lease, std::int64_t rows, bool held);

/// Every way to compute the lease under the options' expectations: factored, composed, then
/// projected in each type.
[[nodiscard]] std::vector<StrategyPlan> weigh(const ModelInfo& model, const EngineOptions& options,
                                              const Lease& lease);

/// Of `plans`, the one with the least seconds over the expected life that kAuto may choose; the
/// earlier of equals.
[[nodiscard]] std::size_t cheapest(const std::vector<StrategyPlan>& plans);

/// Steps of the expected life, at least 1.
[[nodiscard]] std::int64_t expected_steps(const EngineOptions& options);

/// Throws kInvalidArgument when the options' expectations or costs are out of range.
void check_expectations(const EngineOptions& options);

}  // namespace pema::engine
