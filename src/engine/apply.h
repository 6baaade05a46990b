/// Step 5: features -> deltas, or the weights of U's columns.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// So many rows of a group are one task at most.
inline constexpr std::int64_t kRowsPerTask = 16;

/// Fills Walk::delta [personal rows, d] (through the head's norm in the distribution form), and
/// Group::weights of projected groups. Throws kUnsupported when a pool asks for a norm that the
/// head lacks.
void apply(Context& context, Walk& walk);

}  // namespace pema::engine
