#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

class AdapterTrainer : public ::testing::Test {
 protected:
  TinyModel model_;
  std::shared_ptr<const AdapterBlock> truth_ = normal_block(1, 2, 1.5, 31);
  SampleSet train_ = planted_samples(model_, truth_.get(), nullptr, 1500, 32);
  SampleSet dev_ = planted_samples(model_, truth_.get(), nullptr, 300, 33);
  SampleSet test_ = planted_samples(model_, truth_.get(), nullptr, 600, 34);

  [[nodiscard]] std::shared_ptr<const AdapterBlock> trained(
      const OptimiserOptions& options, const AdapterBlock* shared = nullptr) const {
    return train_adapter(model_.base(), train_.view(), dev_.view(), shared, 2, options);
  }
};

TEST_F(AdapterTrainer, FindsAPlantedAdapter) {
  const double base = residual_nll(model_, test_, nullptr);
  const double best = residual_nll(model_, test_, truth_.get());
  ASSERT_GT(base, best + 0.3);
  const auto found = trained(quick(30, 0.02));
  EXPECT_EQ(found->view().count, 1);
  EXPECT_EQ(found->view().rank, 2);
  EXPECT_LT(residual_nll(model_, test_, found.get()), best + 0.1 * (base - best));
}

TEST_F(AdapterTrainer, ARestrictedVocabularyFindsNearlyTheSame) {
  OptimiserOptions options = quick(30, 0.02);
  options.vocabulary = 40;
  const double base = residual_nll(model_, test_, nullptr);
  const double best = residual_nll(model_, test_, truth_.get());
  EXPECT_LT(residual_nll(model_, test_, trained(options).get()), best + 0.15 * (base - best));
}

TEST_F(AdapterTrainer, OnTopOfASharedOneItLearnsTheRest) {
  const std::shared_ptr<const AdapterBlock> shared = normal_block(1, 3, 1.0, 41);
  const auto own = trained(quick(40, 0.02), shared.get());
  const auto plain = trained(quick(40, 0.02));
  EXPECT_LT(residual_nll(model_, test_, shared.get(), own.get()),
            residual_nll(model_, test_, shared.get()) - 0.2);
  EXPECT_NE(own->digest(), plain->digest());
}

TEST_F(AdapterTrainer, SameSeedSameBytes) {
  OptimiserOptions options = quick(3, 0.01);
  options.input_dropout = 0.2;
  options.vocabulary = 30;
  const auto first = trained(options);
  EXPECT_EQ(first->digest(), trained(options)->digest());
  options.seed = 124;
  EXPECT_NE(first->digest(), trained(options)->digest());
}

TEST_F(AdapterTrainer, KeepsTheBestEpochOfTheDevRows) {
  // Far too many steps on 40 rows: the last epoch is worse than the base model.
  const SampleSet few = planted_samples(model_, truth_.get(), nullptr, 40, 35);
  OptimiserOptions options = quick(150, 0.1);
  options.final_rate = 1.0;
  const auto last = train_adapter(model_.base(), few.view(), {}, nullptr, 8, options);
  const auto best = train_adapter(model_.base(), few.view(), dev_.view(), nullptr, 8, options);
  EXPECT_GT(residual_nll(model_, dev_, last.get()), residual_nll(model_, dev_, nullptr));
  EXPECT_LT(residual_nll(model_, dev_, best.get()), residual_nll(model_, dev_, nullptr));
}

TEST_F(AdapterTrainer, PreNormFeaturesGoThroughTheFinalNorm) {
  Base base = model_.base();
  base.site = FeatureSite::kPreNorm;
  const auto pre = train_adapter(base, train_.view(), dev_.view(), nullptr, 2, quick(2, 0.01));
  EXPECT_NE(pre->digest(), trained(quick(2, 0.01))->digest());
}

TEST_F(AdapterTrainer, StopsWhenAsked) {
  Impatient impatient(5);
  expect_error(ErrorCode::kInterrupted, [&] {
    (void)train_adapter(model_.base(), train_.view(), {}, nullptr, 2, quick(1000, 0.01),
                        &impatient);
  });
}

TEST_F(AdapterTrainer, RefusesWhatItCannotTrainOn) {
  const auto call = [&](const Base& base, const Samples& train, const Samples& dev,
                        const AdapterBlock* shared, std::int64_t rank,
                        const OptimiserOptions& options) {
    (void)train_adapter(base, train, dev, shared, rank, options);
  };
  const OptimiserOptions options = quick(1, 0.01);
  const Base base = model_.base();
  const auto refused = [&](ErrorCode code, const std::string& words, const Samples& train,
                           const Samples& dev = {}) {
    expect_error(
        code, [&] { call(base, train, dev, nullptr, 2, options); }, words);
  };
  refused(ErrorCode::kInvalidArgument, "at least one train row", {});
  const SampleSet narrow(normal_matrix(3, kHidden - 1, 1.0, 1), {0, 1, 2}, {0, 3}, {1});
  refused(ErrorCode::kMismatch, "train features are 11 wide", narrow.view());
  refused(ErrorCode::kMismatch, "dev features are 11 wide", train_.view(), narrow.view());
  const SampleSet strange(normal_matrix(2, kHidden, 1.0, 1), {0, kVocab}, {0, 2}, {1});
  refused(ErrorCode::kInvalidArgument, "target 48", strange.view());
  Matrix<float> features = normal_matrix(2, kHidden, 1.0, 1);
  features.row(1)[2] = std::numeric_limits<float>::infinity();
  const SampleSet infinite(std::move(features), {0, 1}, {0, 2}, {1});
  refused(ErrorCode::kInvalidArgument, "train row 1 holds", infinite.view());
  expect_error(
      ErrorCode::kInvalidArgument, [&] { call({}, train_.view(), {}, nullptr, 2, options); },
      "info and head");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { call(base, train_.view(), {}, nullptr, 0, options); },
      "rank");
  const std::vector<float> one(1, 1.0F);
  const Matrix<float> wide(1, kHidden + 1);
  const auto foreign = AdapterBlock::make(1, 1, wide.view(), wide.view(), one);
  expect_error(
      ErrorCode::kMismatch, [&] { call(base, train_.view(), {}, foreign.get(), 2, options); },
      "shared adapter is 13");
  ModelInfo other = model_.info;
  other.vocab = kVocab + 1;
  expect_error(
      ErrorCode::kMismatch,
      [&] {
        call({&other, &model_.head}, train_.view(), {}, nullptr, 2, options);
      },
      "the head is");
}

TEST_F(AdapterTrainer, RefusesOptionsOutsideTheirRange) {
  const auto refused = [&](const std::string& words, auto change) {
    OptimiserOptions options = quick(1, 0.01);
    change(options);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)trained(options); }, words);
  };
  refused("epochs", [](OptimiserOptions& o) { o.epochs = 0; });
  refused("batch", [](OptimiserOptions& o) { o.batch = 0; });
  refused("learning_rate", [](OptimiserOptions& o) { o.learning_rate = -1; });
  refused("final_rate", [](OptimiserOptions& o) { o.final_rate = 1.5; });
  refused("weight_decay", [](OptimiserOptions& o) { o.weight_decay = std::nan(""); });
  refused("input_dropout", [](OptimiserOptions& o) { o.input_dropout = 1.0; });
  refused("vocabulary", [](OptimiserOptions& o) { o.vocabulary = -1; });
  refused("lower learning rate", [](OptimiserOptions& o) {
    o.learning_rate = 10;
    o.epochs = 2000;
    o.batch = 1500;
    o.final_rate = 1;
    o.weight_decay = 10;  // flips and grows the weights without end
  });
}

TEST(RandomAdapters, HaveTheStatedDeviationsAndDependOnTheSeedOnly) {
  const auto block = random_adapters(40, 4, 100, 5);
  EXPECT_EQ(block->view().count, 40);
  EXPECT_EQ(block->view().rank, 4);
  double down = 0;
  double up = 0;
  for (std::int64_t i = 0; i < 160 * 100; ++i) {
    const double a = static_cast<double>(block->view().down.data[i]);
    EXPECT_LE(std::abs(a), 0.1);
    down += a * a;
    up += std::pow(static_cast<double>(block->view().up.data[i]), 2);
  }
  EXPECT_NEAR(std::sqrt(down / 16000), 0.1 / std::sqrt(3.0), 0.002);
  EXPECT_NEAR(std::sqrt(up / 16000), 0.5, 0.02);
  EXPECT_EQ(block->digest(), random_adapters(40, 4, 100, 5)->digest());
  EXPECT_NE(block->digest(), random_adapters(40, 4, 100, 6)->digest());
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)random_adapters(0, 1, 1, 1); }, "0 random");
}

}  // namespace
}  // namespace pema::train
