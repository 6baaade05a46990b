// Shortlists: what they hold, what they leave out, and mixtures over them.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "hwy/targets.h"
#include "kernels/shortlist.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

Shortlist shortlist(const std::vector<float>& logits, double neglected_mass) {
  std::vector<float> scratch(logits.size());
  return make_shortlist(logits, neglected_mass, scratch.data());
}

/// softmax of the logits in float64.
std::vector<double> probabilities(const std::vector<float>& logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const float logit : logits) {
    p.push_back(std::exp(static_cast<double>(logit) - highest));
    sum += p.back();
  }
  for (double& value : p) value /= sum;
  return p;
}

/// The next threshold of the grid above `value`: eight steps an octave.
double next_step(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return static_cast<double>(std::bit_cast<float>(((bits >> 20) + 1) << 20));
}

void expect_smallest(const std::vector<float>& logits, double neglected_mass) {
  const Shortlist list = shortlist(logits, neglected_mass);
  const std::vector<double> p = probabilities(logits);
  const double highest = *std::max_element(p.begin(), p.end());
  ASSERT_FALSE(list.words.empty());
  ASSERT_TRUE(std::is_sorted(list.words.begin(), list.words.end()));
  std::vector<bool> listed(p.size());
  double unlikeliest = highest;
  for (std::size_t i = 0; i < list.words.size(); ++i) {
    const auto word = static_cast<std::size_t>(list.words[i]);
    listed[word] = true;
    unlikeliest = std::min(unlikeliest, p[word]);
    EXPECT_EQ(list.base[i], logits[word]);
  }
  double neglected = 0;
  for (std::size_t w = 0; w < p.size(); ++w) {
    if (listed[w]) continue;
    neglected += p[w];
    EXPECT_LE(p[w], unlikeliest * (1 + 1e-6)) << w;
  }
  EXPECT_LE(neglected, neglected_mass);
  EXPECT_NEAR(list.neglected / list.sums.sum, neglected, 1e-5 * neglected + 1e-30);
  const double step = next_step(unlikeliest / highest) * highest;
  double one_step_more = 0;
  for (const double value : p) one_step_more += value < step ? value : 0.0;
  if (step <= highest) {
    EXPECT_GT(one_step_more, neglected_mass * (1 - 1e-4));
  }
}

TEST(Shortlist, IsTheSmallestThresholdSetOfItsMass) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(3);
    for (const std::int64_t vocab : {1, 2, 63, 97, 1031, 5000}) {
      for (const float deviation : {0.5F, 3.0F, 12.0F}) {
        const Matrix<float> logits = test::random_matrix(random, 1, vocab, deviation);
        for (const double mass : {0.1, 1e-2, 1e-4, 1e-9}) {
          expect_smallest({logits.data(), logits.data() + vocab}, mass);
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Shortlist, HoldsEveryWordWhereNoneMayBeNeglected) {
  const std::vector<float> equal(100, -3.5F);
  EXPECT_EQ(shortlist(equal, 0.1).words.size(), 100U);
  EXPECT_EQ(shortlist(equal, 0.1).neglected, 0.0);
  const std::vector<float> far{0, -80, -200, -kInf};
  EXPECT_EQ(shortlist(far, 0.1).words, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(shortlist(far, 1e-60).words.size(), 4U);
}

TEST(Shortlist, MassBelowNeverFallsWithTheThreshold) {
  std::mt19937 random(8);
  const std::vector<float> values = test::random_vector(random, 3001, 0.0F, 1.0F);
  double before = 0;
  for (int step = 0; step <= 1000; ++step) {
    const float threshold = 1e-3F * static_cast<float>(step);
    const double mass = mass_below(values, threshold);
    EXPECT_GE(mass, before);
    double expected = 0;
    for (const float value : values) expected += value < threshold ? static_cast<double>(value) : 0;
    EXPECT_NEAR(mass, expected, 2e-6 * expected);
    before = mass;
  }
}

TEST(Shortlist, RefusesLogitsThatAreNoDistribution) {
  std::vector<float> logits(40, 1.0F);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInf}) {
    logits[17] = bad;
    test::expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)shortlist(logits, 0.01); }, "NaN");
  }
  logits.assign(40, -kInf);
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)shortlist(logits, 0.01); }, "-inf");
}

/// log P of a mixture whose personal logits are the list's, and the base's elsewhere.
std::vector<double> reference(const std::vector<float>& base, const Shortlist& list,
                              double base_weight, double personal_weight) {
  std::vector<float> personal = base;
  for (std::size_t i = 0; i < list.words.size(); ++i) {
    personal[static_cast<std::size_t>(list.words[i])] = list.personal[i];
  }
  const auto log_softmax = [](const std::vector<float>& logits) {
    const double highest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float l : logits) sum += std::exp(static_cast<double>(l) - highest);
    std::vector<double> out;
    out.reserve(logits.size());
    for (const float l : logits) out.push_back(static_cast<double>(l) - highest - std::log(sum));
    return out;
  };
  const std::vector<double> a = log_softmax(base);
  const std::vector<double> b = log_softmax(personal);
  std::vector<double> out;
  for (std::size_t w = 0; w < base.size(); ++w) {
    const double x = a[w] + std::log(base_weight);
    const double y = b[w] + std::log(personal_weight);
    const double high = std::max(x, y);
    out.push_back(std::isinf(high) ? high
                                   : high + std::log(std::exp(x - high) + std::exp(y - high)));
  }
  return out;
}

void expect_mixture(const std::vector<float>& base, const Shortlist& list, double base_weight) {
  const auto vocab = std::ssize(base);
  const std::vector<MixtureRow> rows{
      {base.data(), nullptr, base_weight, 1 - base_weight, {}, &list}};
  const std::vector<double> expected = reference(base, list, base_weight, 1 - base_weight);
  std::vector<float> out(base.size());
  for (const std::int64_t threads : {1, 3}) {
    ThreadPool pool(threads);
    interpolate(rows, vocab, std::vector<float*>{out.data()}, pool);
    for (std::size_t w = 0; w < out.size(); ++w) {
      if (std::isinf(expected[w])) {
        EXPECT_EQ(out[w], -kInf);
        continue;
      }
      // kernels/README.md.
      EXPECT_NEAR(static_cast<double>(out[w]), expected[w], 3e-6 + 2.4e-7 * std::abs(expected[w]));
      std::vector<double> at(1);
      interpolate_targets(rows, vocab, std::vector{static_cast<std::int64_t>(w)}, at, pool);
      EXPECT_EQ(at[0], static_cast<double>(out[w])) << w;
    }
  }
}

TEST(Shortlist, MixturesMatchFloat64) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(4);
    for (const std::int64_t vocab : {1, 97, 1031}) {
      const Matrix<float> logits = test::random_matrix(random, 1, vocab, 4.0F);
      std::vector<float> base(logits.data(), logits.data() + vocab);
      base.back() = vocab > 1 ? -kInf : 0.0F;
      for (const float shift : {0.0F, 300.0F, -20.0F, -1000.0F}) {
        Shortlist list = shortlist(base, 0.05);
        list.personal = list.base;
        std::normal_distribution<float> delta(shift, 2.0F);
        for (float& logit : list.personal) logit += delta(random);
        for (const double weight : {0.0, 0.3, 1.0 - 1e-12}) expect_mixture(base, list, weight);
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Shortlist, MixturesRefuseListsWithoutPersonalLogitsAndBadOnes) {
  const std::vector<float> base{0, 1, 2};
  Shortlist list = shortlist(base, 0.1);
  ThreadPool pool(1);
  std::vector<float> out(3);
  const auto mix = [&](const float* logits) {
    const std::vector<MixtureRow> rows{{logits, nullptr, 0.5, 0.5, {}, &list}};
    interpolate(rows, 3, std::vector<float*>{out.data()}, pool);
  };
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { mix(base.data()); }, "0 personal logits");
  list.personal = list.base;
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { mix(nullptr); }, "no base logits");
  list.personal[0] = std::numeric_limits<float>::quiet_NaN();
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { mix(base.data()); }, "personal logits of row 0");
}

}  // namespace
}  // namespace pema::kernels
