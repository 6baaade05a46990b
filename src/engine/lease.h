/// What a lease switches on.
#pragma once

#include "pema/engine.h"

namespace pema::engine {

/// Weights of a lease's sources that hold at every step, after sources that it lacks were dropped.
/// Under a gate, which weighs each row, `own` and `shared` are 1 where there is such a source, and
/// `rest` is 1.
struct SourceWeights {
  double own = 0.0;     ///< 0 without visible entries
  double shared = 0.0;  ///< 0 without visible entries
  double rest = 1.0;    ///< of model and personal distribution together; exactly 0 when recall has
                        ///< everything
  bool personal = false;  ///< the personal distribution has weight: adapters, lambda and rest
};

[[nodiscard]] SourceWeights source_weights(const Lease& lease);

/// The weights that such a lease would have without its segments. Its `rest` must be above 0.
[[nodiscard]] SourceWeights without_memory(SourceWeights weights) noexcept;

}  // namespace pema::engine
