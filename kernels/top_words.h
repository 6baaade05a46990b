/// The vector loop of pema::top_words.
#pragma once

#include <cstdint>
#include <vector>

#include "pema/top_words.h"

namespace pema::kernels {

/// Appends the words in [begin, end) of `scores` whose score is above `limit`, by rising word;
/// never a NaN. Unchecked. Thread-safety: reentrant.
void words_above(const float* scores, std::int64_t begin, std::int64_t end, float limit,
                 std::vector<WordScore>& found);

}  // namespace pema::kernels
