#include "src/train/loss.h"

#include <gtest/gtest.h>

#include "src/train/torch_views.h"
#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

/// -log(lambda p + (1 - lambda) P_lm), p = softmax with the tail's mass, mean over rows, in float64
/// and without logarithms of sums.
double direct(const at::Tensor& y, const at::Tensor& weight, const LossRows& rows) {
  const at::Tensor e = at::exp(at::mm(y.to(at::kDouble), weight.to(at::kDouble).t()));
  at::Tensor total = e.sum(1);
  if (rows.tail.defined()) total = total + at::exp(rows.tail.to(at::kDouble));
  at::Tensor p = e.gather(1, rows.target.unsqueeze(1)).squeeze(1) / total;
  if (rows.lambda < 1) {
    p = rows.lambda * p + (1 - rows.lambda) * at::exp(rows.base.to(at::kDouble));
  }
  return -p.log().mean().item<double>();
}

struct Problem {
  at::Tensor y = view_of(normal_matrix(7, kHidden, 1.0, 3).view()).clone();
  at::Tensor weight = view_of(normal_matrix(20, kHidden, 0.6, 4).view()).clone();
  at::Tensor target = at::arange(0, 7, at::TensorOptions().dtype(at::kLong));
  at::Tensor tail = at::linspace(-2.0, 2.0, 7);
  at::Tensor base = at::linspace(-6.0, -0.5, 7);

  /// With and without a tail, alone and mixed.
  [[nodiscard]] std::vector<LossRows> cases() const {
    return {{target, tail, 1, {}},
            {target, {}, 1, {}},
            {target, tail, 0.7, base},
            {target, {}, 0.05, base}};
  }
};

TEST(CrossEntropy, ValueIsTheDirectOne) {
  const Problem p;
  for (const LossRows& rows : p.cases()) {
    const double expected = direct(p.y, p.weight, rows);
    EXPECT_NEAR(cross_entropy(p.y, p.weight, rows).item<double>(), expected, 1e-5);
    EXPECT_NEAR(cross_entropy_value(p.y, p.weight, rows), expected, 1e-5);
  }
}

TEST(CrossEntropy, GradientMatchesFiniteDifferences) {
  const Problem p;
  for (const LossRows& rows : p.cases()) {
    at::Tensor y = p.y.clone().requires_grad_();
    (cross_entropy(y, p.weight, rows) * 3.0).backward();
    const at::Tensor gradient = y.grad();
    for (std::int64_t row = 0; row < 7; ++row) {
      for (std::int64_t k = 0; k < kHidden; ++k) {
        constexpr double kStep = 1e-3;
        const auto moved = [&](double by) {
          at::Tensor copy = p.y.to(at::kDouble);
          copy[row][k] += by;
          return direct(copy, p.weight, rows);
        };
        const double expected = 3.0 * (moved(kStep) - moved(-kStep)) / (2.0 * kStep);
        EXPECT_NEAR(gradient[row][k].item<double>(), expected, 2e-5) << row << ", " << k;
      }
    }
  }
}

TEST(CrossEntropy, ManyBlocksGiveTheSameAsOne) {
  // 200,000 words make blocks of 41 rows.
  const at::Tensor weight = at::linspace(-1.0, 1.0, 200000 * 2).view({200000, 2});
  const at::Tensor y = at::linspace(-1.0, 1.0, 100 * 2).view({100, 2});
  const at::Tensor target = at::arange(0, 100, at::TensorOptions().dtype(at::kLong)) * 2000;
  const at::Tensor base = at::linspace(-9.0, -0.1, 100);
  for (const double lambda : {1.0, 0.8}) {
    const LossRows rows{target, {}, lambda, base};
    EXPECT_NEAR(cross_entropy_value(y, weight, rows), direct(y, weight, rows), 1e-4);
    EXPECT_NEAR(cross_entropy(y, weight, rows).item<double>(), direct(y, weight, rows), 1e-4);
  }
}

class Restricted : public ::testing::Test {
 protected:
  TinyModel model_;
  SampleSet train_ = planted_samples(model_, nullptr, nullptr, 40, 11);
  SampleSet dev_ = planted_samples(model_, nullptr, nullptr, 20, 12);
  std::array<Samples, 1> train_views_{train_.view()};
  std::array<Samples, 1> dev_views_{dev_.view()};

  [[nodiscard]] VocabularyLoss loss(std::int64_t vocabulary, double interpolation = 1) const {
    return VocabularyLoss(model_.base(), train_views_, dev_views_, vocabulary, interpolation);
  }
};

TEST_F(Restricted, EqualsTheFullLossAtDeltaZero) {
  // The tail holds exactly the base mass outside S, so that log Z is the base model's.
  const VocabularyLoss full = loss(0);
  const VocabularyLoss some = loss(1);
  ASSERT_LT(some.words(), kVocab);
  EXPECT_EQ(full.words(), kVocab);
  const double expected = residual_nll(model_, dev_, nullptr);
  EXPECT_NEAR(full.dev_value(full.dev().state), expected, 1e-5);
  EXPECT_NEAR(some.dev_value(some.dev().state), expected, 1e-5);
  // Mixing the base model into itself changes nothing either, in either vocabulary.
  for (const std::int64_t vocabulary : {0, 1}) {
    const VocabularyLoss mixed = loss(vocabulary, 0.4);
    EXPECT_NEAR(mixed.dev_value(mixed.dev().state), expected, 1e-5) << vocabulary;
  }
}

TEST_F(Restricted, GradientIsTheFullOneWhenEveryWordIsInside) {
  const VocabularyLoss full = loss(0);
  const VocabularyLoss all = loss(kVocab);
  const VocabularyLoss some = loss(1);
  const at::Tensor index = at::arange(0, 40, at::TensorOptions().dtype(at::kLong));
  const auto gradient_of = [&](const VocabularyLoss& which) {
    at::Tensor y = which.train().state.clone().requires_grad_();
    which(y, index).backward();
    return y.grad();
  };
  EXPECT_TRUE(at::equal(gradient_of(full), gradient_of(all)));
  EXPECT_GT((gradient_of(full) - gradient_of(some)).abs().max().item<double>(), 1e-4);
}

TEST_F(Restricted, TheRestKeepsItsBaseMass) {
  const VocabularyLoss some = loss(1);
  // Moving the state far along one target's row leaves the tail where it was.
  at::Tensor y = some.dev().state + 0.3;
  const at::Tensor weight_all = view_of(model_.head.weight.view());
  double expected = 0;
  std::vector<char> inside(kVocab, 0);
  for (const Samples& set : {train_.view(), dev_.view()}) {
    for (const std::int32_t target : set.targets) inside[static_cast<std::size_t>(target)] = 1;
  }
  const at::Tensor base = at::mm(some.dev().state, weight_all.t()).to(at::kDouble).exp();
  const at::Tensor moved = at::mm(y, weight_all.t()).to(at::kDouble).exp();
  for (std::int64_t row = 0; row < 20; ++row) {
    double z = 0;
    for (std::int64_t w = 0; w < kVocab; ++w) {
      z += (inside[static_cast<std::size_t>(w)] != 0 ? moved : base)[row][w].item<double>();
    }
    const std::int32_t target = dev_.view().targets[static_cast<std::size_t>(row)];
    expected -= std::log(moved[row][target].item<double>() / z) / 20.0;
  }
  EXPECT_NEAR(some.dev_value(y), expected, 1e-5);
}

TEST(Vocabulary, TargetsFirstThenTheHeaviestLowestIdOnTies) {
  const std::vector<std::int32_t> targets{5, 1, 5};
  Samples set;
  set.targets = targets;
  const std::vector<double> mass{0.1, 0.0, 0.3, 0.3, 0.1, 0.0};
  const Vocabulary chosen = choose_vocabulary({&set, 1}, mass, 4);
  EXPECT_EQ(chosen.words, (std::vector<std::int64_t>{1, 2, 3, 5}));
  EXPECT_EQ(chosen.position_of, (std::vector<std::int64_t>{-1, 0, 1, 2, -1, 3}));
  EXPECT_EQ(choose_vocabulary({&set, 1}, mass, 5).words,
            (std::vector<std::int64_t>{0, 1, 2, 3, 5}));
  EXPECT_EQ(choose_vocabulary({&set, 1}, mass, 1).words, (std::vector<std::int64_t>{1, 5}));
}

}  // namespace
}  // namespace pema::train
