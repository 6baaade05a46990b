#include <gtest/gtest.h>

#include <array>

#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

/// Train and dev rows of one planted adapter, and dev rows that belie it.
class Refit : public ::testing::Test {
 protected:
  TinyModel model_;
  std::shared_ptr<const AdapterBlock> truth_ = normal_block(1, 2, 1.5, 71);
  std::shared_ptr<const AdapterBlock> other_ = normal_block(1, 2, -1.5, 71);
  SampleSet train_ = planted_samples(model_, truth_.get(), nullptr, 400, 72);
  SampleSet dev_ = planted_samples(model_, truth_.get(), nullptr, 200, 73);
  SampleSet test_ = planted_samples(model_, truth_.get(), nullptr, 600, 74);
  SampleSet both_ = SampleSet::concatenate(std::array<const SampleSet*, 2>{&train_, &dev_});

  [[nodiscard]] RefitAdapter adapter(const Samples& dev, const OptimiserOptions& options) const {
    return refit_adapter(model_.base(), train_.view(), dev, nullptr, 2, options);
  }
  [[nodiscard]] Pool pool() const {
    PoolInfo info;
    info.model = model_.info.fingerprint;
    return Pool(info, nullptr, {normal_block(24, 1, 1.2, 75)});
  }
  [[nodiscard]] RefitMask mask(const Samples& dev, const MaskOptions& options) const {
    return refit_mask(model_.base(), pool(), train_.view(), dev, options);
  }
};

TEST_F(Refit, AnAdapterLearnsFromBothPartsForAsManyEpochsAsWereBest) {
  const OptimiserOptions options = quick(6, 0.01);
  const RefitAdapter result = adapter(dev_.view(), options);
  const auto held_out =
      train_adapter(model_.base(), train_.view(), dev_.view(), nullptr, 2, options);
  EXPECT_EQ(result.held_out->digest(), held_out->digest());
  // So few small steps never do harm: the last epoch is the best one.
  const auto all = train_adapter(model_.base(), both_.view(), {}, nullptr, 2, options);
  EXPECT_EQ(result.all->digest(), all->digest());
  EXPECT_LT(residual_nll(model_, test_, result.all.get()),
            residual_nll(model_, test_, result.held_out.get()));
}

TEST_F(Refit, TrainingThatStopsEarlyStopsTheSecondTimeToo) {
  // Far too many large steps on few rows.
  const SampleSet few = planted_samples(model_, truth_.get(), nullptr, 40, 76);
  OptimiserOptions options = quick(60, 0.1);
  options.final_rate = 1.0;
  const RefitAdapter result =
      refit_adapter(model_.base(), few.view(), dev_.view(), nullptr, 8, options);
  const SampleSet both = SampleSet::concatenate(std::array<const SampleSet*, 2>{&few, &dev_});
  const auto to_the_end = train_adapter(model_.base(), both.view(), {}, nullptr, 8, options);
  EXPECT_NE(result.all->digest(), to_the_end->digest());
  EXPECT_NE(result.all->digest(), result.held_out->digest());
}

TEST_F(Refit, WhatTheDevPartBeliesIsNotLearntAtAll) {
  const SampleSet belie = planted_samples(model_, other_.get(), nullptr, 400, 77);
  const RefitAdapter result = adapter(belie.view(), quick(5, 0.05));
  EXPECT_EQ(result.all->digest(), result.held_out->digest());
  EXPECT_DOUBLE_EQ(residual_nll(model_, test_, result.all.get()),
                   residual_nll(model_, test_, nullptr));
}

TEST_F(Refit, WithoutADevPartBothAreTheSame) {
  const RefitAdapter one = adapter({}, quick(3, 0.02));
  EXPECT_EQ(one.all->digest(), one.held_out->digest());
  MaskOptions options;
  options.optimiser = quick(5, 0.05);
  const RefitMask two = mask({}, options);
  EXPECT_EQ(two.all, two.held_out);
}

TEST_F(Refit, AMaskLearnsFromBothParts) {
  MaskOptions options;
  options.optimiser = quick(5, 0.05);
  const RefitMask result = mask(dev_.view(), options);
  EXPECT_EQ(result.held_out,
            learn_mask(model_.base(), pool(), train_.view(), dev_.view(), options));
  EXPECT_NE(result.all, result.held_out);
  EXPECT_EQ(result.all, mask(dev_.view(), options).all);
}

}  // namespace
}  // namespace pema::train
