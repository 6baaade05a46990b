/// Step 1: refuse what cannot be computed.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Throws kInvalidArgument (empty batch, widths, lengths, NaN, lambdas or steps out of range, a
/// mask that its digest or algebra does not fit) or kMismatch (a lease of another base model, site,
/// width or vocabulary), naming row and fix. Writes nothing. Features and logits without numbers
/// (on a device) are checked for their shapes alone.
void check(Context& context, const Batch& batch);

/// The head belongs to the model. Throws kMismatch.
void check_head(const ModelInfo& model, const Head& head);

}  // namespace pema::engine
