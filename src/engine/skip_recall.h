/// Before step 3: which rows are so sure of their word that a memory would hardly change it.
#pragma once

#include "src/engine/walk.h"

namespace pema::engine {

/// Sets Row::skips_recall by EngineOptions::skip_recall_above; reads the logits of rows that could
/// be recalled, only where that is below 1.
void skip_recall(Context& context, Walk& walk);

}  // namespace pema::engine
