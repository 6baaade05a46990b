/// Step 3: leases -> weights of the sources per row, adapters per group. All in memory.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Fills Row's weights (schedule at the row's own step) and Group's shared and selected adapters.
void look_up(Walk& walk);

}  // namespace pema::engine
