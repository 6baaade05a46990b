#include "src/train/mask_estimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "src/train/torch_views.h"
#include "tests/support/expect_error.h"
#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

at::Tensor some_logits(std::int64_t rows, std::int64_t adapters) {
  const Matrix<float> values = normal_matrix(rows, adapters, 1.0, 21);
  return view_of(values.view()).clone();
}

TEST(HardTopK, ExactlyKAndTiesGoToTheLowestIndex) {
  EXPECT_EQ(hard_top_k(std::vector<float>{1, 3, 3, 2, 3}, 2), (std::vector<float>{0, 1, 1, 0, 0}));
  EXPECT_EQ(hard_top_k(std::vector<float>(5, 0.5F), 3), (std::vector<float>{1, 1, 1, 0, 0}));
  EXPECT_EQ(hard_top_k(std::vector<float>{-1, -2}, 0), (std::vector<float>{0, 0}));
  EXPECT_EQ(hard_top_k(std::vector<float>{-1, -2}, 2), (std::vector<float>{1, 1}));
}

/// CoDA's coordinate ascent (papers.md section 4), with enough rounds to arrive.
std::vector<double> coordinate_ascent(const std::vector<float>& s, std::int64_t k, double epsilon) {
  std::vector<double> b(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) b[i] = -static_cast<double>(s[i]);
  double a = 0;
  double step = std::max(epsilon, 4.0);
  for (int round = 0; round < 3000; ++round) {
    double sum = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
      sum += std::exp((static_cast<double>(s[i]) + b[i]) / step);
    }
    a = step * (std::log(static_cast<double>(k)) - std::log(sum));
    for (std::size_t i = 0; i < s.size(); ++i) {
      b[i] = -std::max(0.0, static_cast<double>(s[i]) + a);
    }
    step = std::max(step * 0.9, epsilon);
  }
  std::vector<double> m;
  for (std::size_t i = 0; i < s.size(); ++i) {
    m.push_back(std::exp((static_cast<double>(s[i]) + a + b[i]) / epsilon));
  }
  return m;
}

TEST(SoftTopK, SumsToKAndIsWhatCoordinateAscentApproaches) {
  const Matrix<float> values = normal_matrix(1, 60, 1.0, 22);
  const std::vector<float> s(values.data(), values.data() + 60);
  for (const double epsilon : {0.1, 0.5, 2.0}) {
    for (const std::int64_t k : {1, 7, 30, 60}) {
      const std::vector<float> m = soft_top_k(s, k, epsilon);
      EXPECT_NEAR(std::accumulate(m.begin(), m.end(), 0.0), static_cast<double>(k), 1e-4);
      const std::vector<double> expected = coordinate_ascent(s, k, epsilon);
      for (std::size_t i = 0; i < s.size(); ++i) {
        EXPECT_LE(m[i], 1.0F);
        EXPECT_NEAR(m[i], expected[i], 2e-3) << "k " << k << ", epsilon " << epsilon;
      }
    }
  }
}

TEST(SoftTopK, GradientMatchesFiniteDifferences) {
  const MaskRule rule{MaskEstimator::kSoftTopK, 4, 0.7};
  at::Generator generator = seeded_generator(1);
  at::Tensor logits = some_logits(1, 12).requires_grad_();
  const at::Tensor outer = at::linspace(-1.0, 2.0, 12).unsqueeze(0);
  (training_mask(logits, rule, generator) * outer).sum().backward();
  for (std::size_t i = 0; i < 12; ++i) {
    const auto value = [&](float by) {
      std::vector<float> s(logits.data_ptr<float>(), logits.data_ptr<float>() + 12);
      s[i] += by;
      const std::vector<float> m = soft_top_k(s, rule.k, rule.temperature);
      double total = 0;
      for (std::size_t j = 0; j < 12; ++j) {
        total += m[j] * outer[0][static_cast<std::int64_t>(j)].item<double>();
      }
      return total;
    };
    const double expected = (value(5e-3F) - value(-5e-3F)) / 1e-2;
    EXPECT_NEAR(logits.grad()[0][static_cast<std::int64_t>(i)].item<double>(), expected, 3e-3);
  }
}

TEST(TrainingMask, EveryEstimatorIsHardInValueAndHasAGradient) {
  for (const MaskEstimator estimator :
       {MaskEstimator::kStraightThrough, MaskEstimator::kGumbelTopK, MaskEstimator::kSoftTopK}) {
    SCOPED_TRACE(to_string(estimator));
    at::Generator generator = seeded_generator(1);
    at::Tensor logits = some_logits(3, 40).requires_grad_();
    const MaskRule rule{estimator, 9, 1.0};
    const at::Tensor mask = training_mask(logits, rule, generator);
    EXPECT_TRUE(at::equal(mask.sum(1), at::full({3}, 9.0F)));
    EXPECT_TRUE((mask.eq(0.0F) | mask.eq(1.0F)).all().item<bool>());
    const at::Tensor outer = some_logits(3, 40).square();
    (mask * outer).sum().backward();
    EXPECT_GT(logits.grad().abs().sum().item<double>(), 1e-3);
    const at::Tensor evaluated = hard_mask(logits, rule);
    EXPECT_TRUE(at::equal(evaluated, hard_mask(logits, rule)));
    EXPECT_TRUE(at::equal(evaluated.sum(1), at::full({3}, 9.0F)));
    if (estimator == MaskEstimator::kGumbelTopK) {
      EXPECT_FALSE(at::equal(mask.detach(), evaluated)) << "training has noise";
    } else {
      EXPECT_TRUE(at::equal(mask.detach(), evaluated));
    }
  }
}

TEST(TrainingMask, WithoutKTheSignDecides) {
  at::Generator generator = seeded_generator(1);
  at::Tensor logits = at::linspace(-1.0, 1.0, 5).unsqueeze(0).requires_grad_();
  const at::Tensor mask = training_mask(logits, {}, generator);
  EXPECT_EQ(to_bits(mask.detach(), 0).indices(), (std::vector<std::int64_t>{3, 4}));
  mask.sum().backward();
  const at::Tensor p = at::sigmoid(logits.detach());
  EXPECT_TRUE(at::allclose(logits.grad(), p * (1.0 - p)));
}

TEST(MaskEstimator, NamesReadBack) {
  for (const MaskEstimator estimator :
       {MaskEstimator::kStraightThrough, MaskEstimator::kGumbelTopK, MaskEstimator::kSoftTopK}) {
    EXPECT_EQ(parse_mask_estimator(to_string(estimator)), estimator);
  }
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_mask_estimator("hard"); }, "soft_top_k");
}

}  // namespace
}  // namespace pema::train
