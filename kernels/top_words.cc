#include "kernels/top_words.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pema/error.h"

namespace pema {
namespace {

constexpr std::int64_t kBlock = 1024;  // words between two looks at how many were found

bool before(const WordScore& a, const WordScore& b) {
  return a.score != b.score ? a.score > b.score : a.token < b.token;
}

/// Leaves the `count` first of `found`, the last of them at the end. Words that come later must
/// exceed its value: of equal ones the lower word goes first.
void keep_first(std::vector<WordScore>& found, std::int64_t count) {
  if (std::ssize(found) >= count) {
    std::nth_element(found.begin(), found.begin() + (count - 1), found.end(), before);
    found.resize(static_cast<std::size_t>(count));
  }
}

/// Words of the block that are no NaN, whatever their value.
void all_words(std::span<const float> values, std::int64_t begin, std::int64_t end,
               std::vector<WordScore>& found) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float value = values[static_cast<std::size_t>(i)];
    if (!std::isnan(value)) found.push_back({static_cast<std::int32_t>(i), value});
  }
}

}  // namespace

std::vector<WordScore> top_words(std::span<const float> values, std::int64_t count) {
  PEMA_CHECK(count >= 0, kInvalidArgument, "top_words: ", count, " words asked for");
  PEMA_CHECK(values.size() <= std::numeric_limits<std::int32_t>::max(), kInvalidArgument,
             "top_words: ", values.size(), " words in a row");
  std::vector<WordScore> found;
  if (count == 0) return found;
  const std::int64_t words = std::ssize(values);
  bool full = false;
  for (std::int64_t begin = 0; begin < words; begin += kBlock) {
    const std::int64_t end = std::min(words, begin + kBlock);
    if (full) {
      kernels::words_above(values.data(), begin, end,
                           found[static_cast<std::size_t>(count - 1)].score, found);
    } else {
      all_words(values, begin, end, found);
    }
    // With what was kept in front, the limit stands; it only rises when the selection is made anew.
    if (std::ssize(found) >= (full ? 2 * count + kBlock / 8 : count)) {
      keep_first(found, count);
      full = true;
    }
  }
  keep_first(found, count);
  std::sort(found.begin(), found.end(), before);
  return found;
}

}  // namespace pema
