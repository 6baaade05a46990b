#include <cmath>
#include <limits>

#include "pema/memory.h"
#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;

double sum_of(const std::vector<TokenWeight>& words) {
  double sum = 0;
  for (const TokenWeight& word : words) sum += static_cast<double>(word.probability);
  return sum;
}

TEST(RecallDistribution, IsASoftmaxSummedPerToken) {
  const Neighbour neighbours[] = {{0.1F, 70'000}, {0.2F, 5}, {0.4F, 70'000}};
  const double t = 0.15;
  const double a = std::exp(-0.1 / t);
  const double b = std::exp(-0.2 / t);
  const double c = std::exp(-0.4 / t);
  const std::vector<TokenWeight> words = recall_distribution(neighbours, t);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].token, 5);
  EXPECT_NEAR(words[0].probability, b / (a + b + c), 1e-6);
  EXPECT_EQ(words[1].token, 70'000);
  EXPECT_NEAR(words[1].probability, (a + c) / (a + b + c), 1e-6);
}

TEST(RecallDistribution, OfNobodyIsEmptyAndOfOneIsCertain) {
  EXPECT_TRUE(recall_distribution({}, 0.02).empty());
  const Neighbour one[] = {{3.9F, 8}};
  const std::vector<TokenWeight> words = recall_distribution(one, 1e-6);
  ASSERT_EQ(words.size(), 1U);
  EXPECT_EQ(words[0].probability, 1.0F);
}

TEST(RecallDistribution, StaysADistributionAtAnyTemperature) {
  std::vector<Neighbour> neighbours;
  for (int i = 0; i < 300; ++i) {
    neighbours.push_back({3.0F + 0.003F * static_cast<float>(i), (i * 37) % 50});
  }
  for (const double t :
       {std::numeric_limits<double>::denorm_min(), 1e-300, 1e-6, 0.02, 1.0, 1e300}) {
    const std::vector<TokenWeight> words = recall_distribution(neighbours, t);
    EXPECT_EQ(words.size(), 50U);
    EXPECT_NEAR(sum_of(words), 1.0, 1e-5) << t;
    for (std::size_t i = 0; i < words.size(); ++i) {
      EXPECT_TRUE(std::isfinite(words[i].probability) && words[i].probability >= 0.0F) << t;
      if (i > 0) {
        EXPECT_LT(words[i - 1].token, words[i].token);
      }
    }
  }
  EXPECT_EQ(recall_distribution(neighbours, 1e-6)[0].probability, 1.0F) << "nearest takes all";
  EXPECT_NEAR(recall_distribution(neighbours, 1e6)[7].probability, 1.0 / 50, 1e-6) << "all alike";
}

TEST(RecallDistribution, RefusesOtherTemperaturesAndDistances) {
  const Neighbour one[] = {{0.1F, 8}};
  const double inf = std::numeric_limits<double>::infinity();
  for (const double bad : {0.0, -1.0, inf, std::numeric_limits<double>::quiet_NaN()}) {
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)recall_distribution(one, bad); });
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)recall_distribution({}, bad); });
  }
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Neighbour neighbours[] = {{0.1F, 8}, {bad, 9}};
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)recall_distribution(neighbours, 1.0); });
  }
}

}  // namespace
}  // namespace pema
