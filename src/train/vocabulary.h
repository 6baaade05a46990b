/// The words whose logits a loss moves; no torch here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pema/samples.h"

namespace pema::train {

/// A set S of words in rising order.
struct Vocabulary {
  std::vector<std::int64_t> words;        ///< [S] token ids
  std::vector<std::int64_t> position_of;  ///< [V] place in `words`, -1 outside S
};

/// Every target of `sets`, then the words with most `mass` [V] until there are `size` (more when
/// the targets alone are more). Ties go to the lowest id.
[[nodiscard]] Vocabulary choose_vocabulary(std::span<const Samples> sets,
                                           std::span<const double> mass, std::int64_t size);

/// All V words.
[[nodiscard]] Vocabulary full_vocabulary(std::int64_t vocab);

}  // namespace pema::train
