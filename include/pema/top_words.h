/// The likeliest words of a row of scores: what a sampler looks at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pema {

struct WordScore {
  std::int32_t token = 0;
  float score = 0;
  bool operator==(const WordScore&) const = default;
};

/// The min(count, words that are no NaN) words of `scores` [V], V < 2^31, with the highest scores,
/// highest first, of equal ones the lowest token first; -inf counts as a score. Exact: one pass, in
/// which words that cannot be among the first cost a comparison in a vector. Throws
/// kInvalidArgument on a negative count or a longer row. Thread-safety: reentrant.
[[nodiscard]] std::vector<WordScore> top_words(std::span<const float> scores, std::int64_t count);

}  // namespace pema
