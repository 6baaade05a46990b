/// Step 6 for rows that neglect unlikely words: personal logits of a shortlist.
#pragma once

#include <span>

#include "src/engine/walk.h"

namespace pema::engine {

struct ListedRow {
  Row* row = nullptr;
  const float* logits = nullptr;  ///< [V] of the base model
  const float* delta = nullptr;   ///< [d]
  float* scratch = nullptr;       ///< [V]
};

/// Gives every row its shortlist, with personal logits l + W delta: |shortlist| rows of W instead
/// of V. Throws kInvalidArgument as make_shortlist.
void project_shortlists(Context& context, std::span<const ListedRow> rows);

}  // namespace pema::engine
