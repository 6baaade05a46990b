/// Step 8: three distributions -> one.
#pragma once

#include <span>

#include "src/engine/walk.h"

namespace pema::engine {

/// Writes every row of out [rows, V]: the model's own logits for an inert row, log-probabilities
/// for the others. `out` holds the personal logits of personal rows on entry (step 6).
void interpolate(Context& context, const Walk& walk, MatrixView<float> out);

/// The log-probability of targets[i] for every row, into out [rows]; `personal` as above.
void interpolate_targets(Context& context, const Walk& walk, MatrixView<const float> personal,
                         std::span<const std::int64_t> targets, std::span<double> out);

}  // namespace pema::engine
