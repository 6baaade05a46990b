// The likeliest words against sorting the row: ties, NaN, infinities, all lengths around a vector
// and a block.
#include "pema/top_words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<WordScore> sorted_head(std::span<const float> values, std::int64_t count) {
  std::vector<WordScore> words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i])) words.push_back({static_cast<std::int32_t>(i), values[i]});
  }
  std::stable_sort(words.begin(), words.end(),
                   [](const WordScore& a, const WordScore& b) { return a.score > b.score; });
  words.resize(static_cast<std::size_t>(std::min(count, std::ssize(words))));
  return words;
}

enum class Kind { kRandom, kTies, kRising, kFalling, kDamaged, kAllNan };

std::vector<float> row_of(Kind kind, std::int64_t words, std::mt19937& random) {
  std::vector<float> row(static_cast<std::size_t>(words));
  for (std::int64_t i = 0; i < words; ++i) {
    float& value = row[static_cast<std::size_t>(i)];
    value = static_cast<float>(random()) * 0x1p-32F - 0.5F;
    if (kind == Kind::kTies) value = static_cast<float>(random() % 4);
    if (kind == Kind::kRising) value = static_cast<float>(i);
    if (kind == Kind::kFalling) value = static_cast<float>(-i);
    if (kind == Kind::kDamaged && i % 3 == 0) value = i % 2 == 0 ? -kInf : std::nanf("");
    if (kind == Kind::kDamaged && i % 97 == 0) value = kInf;
    if (kind == Kind::kAllNan) value = std::nanf("");
  }
  return row;
}

TEST(TopWords, IsTheHeadOfTheSortedRow) {
  std::mt19937 random(17);
  for (const Kind kind :
       {Kind::kRandom, Kind::kTies, Kind::kRising, Kind::kFalling, Kind::kDamaged, Kind::kAllNan}) {
    for (const std::int64_t words : {0, 1, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 5000}) {
      const std::vector<float> row = row_of(kind, words, random);
      for (const std::int64_t count : {0, 1, 2, 40, 1024, 1025, 4999, 6000}) {
        ASSERT_EQ(top_words(row, count), sorted_head(row, count))
            << words << " words, " << count << " asked for, kind " << static_cast<int>(kind);
      }
    }
  }
}

TEST(TopWords, RefusesANegativeCount) {
  const std::vector<float> row{1, 2};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)top_words(row, -1); }, "-1 words asked for");
}

}  // namespace
}  // namespace pema
