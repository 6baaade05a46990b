#include "tools/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "tests/support/expect_error.h"

namespace pema::tools {
namespace {

using test::expect_error;

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// Scores whose softmax is 0.5, 0.25, 0.15, 0.1.
std::vector<float> four_words() {
  return {std::log(0.5F), std::log(0.25F), std::log(0.15F), std::log(0.1F)};
}

std::map<std::int32_t, int> count(const SamplingOptions& options, std::vector<float> scores,
                                  int draws = 20000) {
  Sampler sampler(options);
  std::map<std::int32_t, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.sample(scores)];
  return counts;
}

TEST(Sampler, TemperatureZeroTakesTheLikeliestAndTheFirstOfEquals) {
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.sample(four_words()), 0);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 3, 2}), 1);
}

TEST(Sampler, TemperatureOneFollowsTheDistribution) {
  auto counts = count({.temperature = 1, .seed = 3}, four_words());
  EXPECT_NEAR(counts[0], 10000, 300);
  EXPECT_NEAR(counts[1], 5000, 300);
  EXPECT_NEAR(counts[2], 3000, 300);
  EXPECT_NEAR(counts[3], 2000, 300);
}

TEST(Sampler, LowTemperatureSharpens) {
  // p^2 normalised: 0.25, 0.0625, 0.0225, 0.01 of 0.345.
  auto counts = count({.temperature = 0.5, .seed = 4}, four_words());
  EXPECT_NEAR(counts[0], 20000 * 0.25 / 0.345, 300);
  EXPECT_NEAR(counts[3], 20000 * 0.01 / 0.345, 150);
}

TEST(Sampler, TopKKeepsTheLikeliest) {
  auto counts = count({.temperature = 1, .top_k = 2, .seed = 5}, four_words());
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_NEAR(counts[0], 20000 * 2 / 3, 300);
}

TEST(Sampler, TopKOfEqualsKeepsTheLowestTokens) {
  auto counts = count({.temperature = 1, .top_k = 2, .seed = 5}, {0, 0, 0, 0}, 500);
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_TRUE(counts.contains(0) && counts.contains(1));
}

TEST(Sampler, TopPKeepsTheSmallestSetWithTheMass) {
  EXPECT_EQ(count({.temperature = 1, .top_p = 0.7, .seed = 6}, four_words()).size(), 2U);
  EXPECT_EQ(count({.temperature = 1, .top_p = 0.8, .seed = 6}, four_words()).size(), 3U);
  EXPECT_EQ(count({.temperature = 1, .top_p = 1e-9, .seed = 6}, four_words()).size(), 1U);
}

TEST(Sampler, MinPDropsWhatIsFarBelowTheBest) {
  // 0.25 / 0.5 is kept by 0.4, 0.15 / 0.5 is not.
  EXPECT_EQ(count({.temperature = 1, .min_p = 0.4, .seed = 7}, four_words()).size(), 2U);
}

TEST(Sampler, MinPLooksAtTheDistributionBeforeTemperature) {
  EXPECT_EQ(count({.temperature = 5, .min_p = 0.4, .seed = 7}, four_words()).size(), 2U);
}

TEST(Sampler, ExcludedWordsNeverCome) {
  auto counts = count({.temperature = 2, .seed = 8}, {kMinusInfinity, 0, kMinusInfinity, 0}, 2000);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_TRUE(counts.contains(1) && counts.contains(3));
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  Sampler a({.temperature = 1, .seed = 9});
  Sampler b({.temperature = 1, .seed = 9});
  Sampler c({.temperature = 1, .seed = 10});
  int differences = 0;
  for (int i = 0; i < 200; ++i) {
    const std::int32_t token = a.sample(four_words());
    EXPECT_EQ(token, b.sample(four_words()));
    differences += token != c.sample(four_words()) ? 1 : 0;
  }
  EXPECT_GT(differences, 20);
}

TEST(Sampler, TheFirstTokensOfASeedArePinned) {
  // A change here changes what --seed means: it needs a line in the changelog.
  Sampler sampler({.temperature = 1, .seed = 123});
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < 8; ++i) tokens.push_back(sampler.sample(std::vector<float>(1000, 0.0F)));
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{313, 555, 938, 736, 192, 195, 950, 290}));
}

TEST(Sampler, RefusesDamagedScores) {
  Sampler sampler({.temperature = 1});
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)sampler.sample({}); }, "no scores");
  const std::vector<float> nan{0, std::nanf("")};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)sampler.sample(nan); }, "token 1");
  const std::vector<float> none{kMinusInfinity, kMinusInfinity};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)sampler.sample(none); }, "finite");
}

TEST(Sampler, RefusesOptionsOutsideTheirRange) {
  expect_error(
      ErrorCode::kInvalidArgument, [] { Sampler({.temperature = -0.1}); }, "temperature");
  expect_error(
      ErrorCode::kInvalidArgument, [] { Sampler({.top_k = -1}); }, "top-k");
  expect_error(
      ErrorCode::kInvalidArgument, [] { Sampler({.top_p = 0}); }, "top-p");
  expect_error(
      ErrorCode::kInvalidArgument, [] { Sampler({.top_p = 1.1}); }, "top-p");
  expect_error(
      ErrorCode::kInvalidArgument, [] { Sampler({.min_p = std::nan("")}); }, "min-p");
}

TEST(LogProbability, IsTheLogSoftmax) {
  EXPECT_NEAR(log_probability(four_words(), 1), std::log(0.25), 1e-6);
  std::vector<float> shifted = four_words();
  for (float& score : shifted) score += 700;
  EXPECT_NEAR(log_probability(shifted, 3), std::log(0.1), 1e-4);
  expect_error(ErrorCode::kInvalidArgument, [] { (void)log_probability(four_words(), 4); });
}

}  // namespace
}  // namespace pema::tools
