/// Step 7: features -> words that the row's visible segments remember.
#pragma once

#include <compare>

#include "src/engine/walk.h"

namespace pema::engine {

/// Through what a lease's rows are searched.
struct Through {
  const RecallIndex* index = nullptr;  ///< null: they are scanned
  double wanted_recall = 1.0;
  auto operator<=>(const Through&) const = default;
};
[[nodiscard]] Through through(const EngineOptions& options, const Lease& lease);

/// Fills Row::recalled from the segments of the row's own lease and from no other. A row whose
/// lease sees no entries has weight 0 there (step 3) and stays empty.
void recall(Context& context, Walk& walk);

}  // namespace pema::engine
