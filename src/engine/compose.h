/// Step 4: selected adapters -> one bottleneck per group.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Fills Group::bottleneck by the group's strategy; composed sides and projections come from the
/// cache or are made and put there. What the cache holds changes the time, never the bits.
void compose(Context& context, Walk& walk);

}  // namespace pema::engine
