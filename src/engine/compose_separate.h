/// Step 4 in the separate algebra, strategy composed: sums of adapters for all profiles at once.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Sets Group::composed of every group with a selection whose strategy is kComposed and whose pool
/// is separate; those that the cache does not hold are composed together, pool by pool. Sums run
/// over a copy of the pool in EngineOptions::composition, which the cache keeps; float32 also over
/// the pool as it is mapped, for profiles of few adapters and for pools whose copy would take more
/// than half of the cache. Which one depends on the profile's own mask, its pool and the options.
void compose_separate(Context& context, Walk& walk);

}  // namespace pema::engine
