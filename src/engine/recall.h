/// Step 7: features -> words that the row's visible segments remember.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Fills Row::recalled from the segments of the row's own lease and from no other. A row whose
/// lease sees no entries has weight 0 there (step 3) and stays empty.
void recall(Context& context, Walk& walk);

}  // namespace pema::engine
