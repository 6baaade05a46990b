// target_log_probabilities gives exactly what step gives at the target.
#include <gtest/gtest.h>

#include "kernels/head_norm.h"
#include "tests/support/expect_error.h"
#include "tests/support/reference.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

class Targets : public testing::TestWithParam<Form> {
 protected:
  Targets() {
    PoolInfo info;
    info.form = GetParam();
    const auto pool = random_pool(model, info);
    for (int i = 0; i < 4; ++i) {
      leases.push_back(
          make_lease("p", pool, random_mask(random, Algebra::kMixture, false),
                     {.lambda_max = 0.25 * (i + 1), .lambda_own = 0.1 * i, .temperature = 0.4}));
      leases.back().own = {random_segment(random, model, 25)};
    }
    // More rows than one internal block.
    for (int i = 0; i < 300; ++i) rows.push_back(&leases[static_cast<std::size_t>(i % 4)]);
    rows[7] = nullptr;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      targets.push_back(static_cast<std::int64_t>(random() % kVocab));
    }
    targets[0] = kVocab - 1;
    targets[1] = 0;
  }

  TinyModel model;
  std::mt19937 random{17};
  std::vector<Lease> leases;
  std::vector<const Lease*> rows;
  std::vector<std::int64_t> targets;
};

TEST_P(Targets, EqualStepToTheLastBit) {
  const TinyBatch batch(model, rows);
  Engine engine(model.info, model.head);
  const Matrix<float> out = run_step(engine, batch.view());
  Batch without_logits = batch.view();
  without_logits.logits = {};
  const std::vector<double> given = engine.target_log_probabilities(batch.view(), targets);
  const std::vector<double> computed = engine.target_log_probabilities(without_logits, targets);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const double expected =
        rows[i] != nullptr
            ? static_cast<double>(out.row(row)[targets[i]])
            : reference_row(model.head, batch.view(), row)[static_cast<std::size_t>(targets[i])];
    if (rows[i] != nullptr) {
      ASSERT_EQ(given[i], expected) << "row " << i;
    } else {
      ASSERT_NEAR(given[i], expected, 1e-5) << "row " << i;
    }
    ASSERT_EQ(computed[i], given[i]) << "row " << i;
  }
}

TEST_P(Targets, EqualStepToTheLastBitWhereWordsAreNeglected) {
  const TinyBatch batch(model, rows);
  Engine engine(model.info, model.head, {.neglected_mass = 0.1});
  const Matrix<float> out = run_step(engine, batch.view());
  const std::vector<double> given = engine.target_log_probabilities(batch.view(), targets);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == nullptr) continue;
    ASSERT_EQ(given[i], static_cast<double>(out.row(static_cast<std::int64_t>(i))[targets[i]]))
        << "row " << i;
  }
}

TEST_P(Targets, PreNormFeaturesGoThroughTheNormFirst) {
  const TinyBatch batch(model, std::vector<const Lease*>(5, nullptr), 3, FeatureSite::kPreNorm);
  Matrix<float> x(5, kHidden);
  for (std::int64_t row = 0; row < 5; ++row) {
    kernels::rms_norm(batch.features.view().row_span(row), model.head.norm_weight,
                      model.head.norm_eps, x.view().row_span(row));
  }
  Matrix<float> logits(5, kVocab);
  base_logits(model.head, x.view(), logits.view(), 2);
  Batch with = batch.view();
  with.logits = logits.view();
  Batch without = batch.view();
  without.logits = {};
  Engine engine(model.info, model.head);
  const std::vector<std::int64_t> five(targets.begin(), targets.begin() + 5);
  EXPECT_EQ(engine.target_log_probabilities(without, five),
            engine.target_log_probabilities(with, five));
}

TEST_P(Targets, RefuseWordsOutsideTheVocabularyAndWrongLengths) {
  const TinyBatch batch(model, {&leases[0], &leases[1]});
  Engine engine(model.info, model.head);
  const auto ask = [&](std::vector<std::int64_t> words) {
    (void)engine.target_log_probabilities(batch.view(), words);
  };
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        ask({0, kVocab});
      },
      "outside the vocabulary");
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        ask({-1, 0});
      },
      "outside the vocabulary");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { ask({1}); }, "1 targets");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)engine.target_log_probabilities(Batch{}, {}); },
      "no rows");
}

INSTANTIATE_TEST_SUITE_P(All, Targets, testing::Values(Form::kResidual, Form::kDistribution),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(BaseLogits, DoNotDependOnTheBatchAndRefuseWrongShapes) {
  const TinyModel model;
  std::mt19937 random(2);
  const Matrix<float> x = random_matrix(random, 9, kHidden);
  Matrix<float> all(9, kVocab);
  base_logits(model.head, x.view(), all.view(), 3);
  Matrix<float> one(1, kVocab);
  for (std::int64_t row = 0; row < 9; ++row) {
    base_logits(model.head, {x.row(row), 1, kHidden}, one.view(), 1);
    EXPECT_TRUE(std::equal(one.row(0), one.row(0) + kVocab, all.row(row)));
  }
  expect_error(ErrorCode::kInvalidArgument,
               [&] { base_logits(model.head, x.view(), one.view(), 1); });
}

}  // namespace
}  // namespace pema::test
