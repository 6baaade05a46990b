/// Step 6: deltas -> personal logits.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Writes the personal logits of personal rows into `personal` [rows, V]: l + W delta or l + U w in
/// the residual form, W norm(delta) in the distribution form. Rows that neglect words get a
/// shortlist with its personal logits instead, and use their row of `personal` as scratch. Other
/// rows stay as they are. Throws kInvalidArgument as make_shortlist.
void project(Context& context, Walk& walk, MatrixView<float> personal);

}  // namespace pema::engine
