#include "pema/train/base_scores.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

TEST(BaseScores, AreTheBaseModelsOwn) {
  const TinyModel model;
  const SampleSet samples = planted_samples(model, nullptr, nullptr, 30, 5);
  BaseScores scores;
  const std::shared_ptr<const BaseScore> score = scores.get(model.base(), samples.view());
  ASSERT_EQ(score->log_partition.size(), 30U);
  ASSERT_EQ(score->word_mass.size(), static_cast<std::size_t>(kVocab));
  std::vector<double> mass(kVocab, 0.0);
  for (std::int64_t row = 0; row < 30; ++row) {
    const float* x = samples.view().features.row(row);
    const std::vector<double> p = word_probabilities(model.head, {x, x + kHidden});
    double logit = 0;
    for (std::int64_t k = 0; k < kHidden; ++k) {
      logit += static_cast<double>(x[k]) * static_cast<double>(model.head.weight.row(0)[k]);
    }
    EXPECT_NEAR(score->log_partition[static_cast<std::size_t>(row)], logit - std::log(p[0]), 1e-5);
    for (std::size_t w = 0; w < mass.size(); ++w) mass[w] += p[w];
  }
  for (std::size_t w = 0; w < mass.size(); ++w) EXPECT_NEAR(score->word_mass[w], mass[w], 1e-4);
}

TEST(BaseScores, RowsGoThroughTheHeadOnce) {
  const TinyModel model;
  const SampleSet train = planted_samples(model, nullptr, nullptr, 64, 5);
  const SampleSet dev = planted_samples(model, nullptr, nullptr, 16, 6);
  BaseScores scores;
  OptimiserOptions options = quick(1, 1e-3);
  options.vocabulary = 8;
  const Base base = model.base(&scores);
  const auto first = train_adapter(base, train.view(), dev.view(), nullptr, 2, options);
  EXPECT_EQ(scores.computed_rows(), 80);
  const auto second = train_adapter(base, train.view(), dev.view(), nullptr, 2, options);
  EXPECT_EQ(scores.computed_rows(), 80);
  EXPECT_EQ(scores.bytes(), 4 * (64 + 16 + 2 * kVocab));
  EXPECT_EQ(first->digest(), second->digest());
  EXPECT_EQ(first->digest(),
            train_adapter(model.base(), train.view(), dev.view(), nullptr, 2, options)->digest());
  scores.clear();
  EXPECT_EQ(scores.bytes(), 0);
}

TEST(BaseScores, BelongToOneModelAndSite) {
  const TinyModel model;
  const SampleSet samples = planted_samples(model, nullptr, nullptr, 4, 5);
  BaseScores scores;
  (void)scores.get(model.base(), samples.view());
  TinyModel other;
  other.info.fingerprint = sha256("another");
  expect_error(
      ErrorCode::kMismatch, [&] { (void)scores.get(other.base(), samples.view()); },
      "one BaseScores per base model");
  Base moved = model.base();
  moved.site = FeatureSite::kPreNorm;
  expect_error(
      ErrorCode::kMismatch, [&] { (void)scores.get(moved, samples.view()); }, "pre_norm");
}

TEST(BaseScores, RefuseFeaturesThatAreNotFinite) {
  const TinyModel model;
  Matrix<float> features = normal_matrix(2, kHidden, 1.0, 9);
  features.row(1)[3] = std::numeric_limits<float>::quiet_NaN();
  const SampleSet samples(std::move(features), {0, 1}, {0, 2}, {1});
  BaseScores scores;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)scores.get(model.base(), samples.view()); },
      "row 1");
}

}  // namespace
}  // namespace pema::train
