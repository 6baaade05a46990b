/// Step 6: deltas -> personal logits.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Writes the personal logits of personal rows into `personal` [rows, V]: l + W delta or l + U w in
/// the residual form, W norm(delta) in the distribution form. Other rows stay as they are.
void project(Context& context, const Walk& walk, MatrixView<float> personal);

}  // namespace pema::engine
