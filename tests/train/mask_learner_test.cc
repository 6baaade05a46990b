#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

constexpr std::int64_t kAdapters = 24;

/// A person who uses adapters 0, 3, 6, ... of a pool of 24.
class MaskLearner : public ::testing::Test {
 protected:
  TinyModel model_;
  std::shared_ptr<const AdapterBlock> adapters_ = normal_block(kAdapters, 1, 1.2, 51);
  BitMask truth_ = every_third();
  SampleSet train_ = planted_samples(model_, adapters_.get(), &truth_, 2500, 52);
  SampleSet dev_ = planted_samples(model_, adapters_.get(), &truth_, 400, 53);

  static BitMask every_third() {
    BitMask mask(kAdapters);
    for (std::int64_t i = 0; i < kAdapters; i += 3) mask.set(i);
    return mask;
  }
  [[nodiscard]] Pool pool(Algebra algebra = Algebra::kMixture, double mask_scale = 1.0,
                          std::shared_ptr<const AdapterBlock> shared = nullptr) const {
    PoolInfo info;
    info.model = model_.info.fingerprint;
    info.algebra = algebra;
    info.mask_scale = mask_scale;
    // Two blocks, so that masks run over the joint of them.
    const AdapterBlockView& view = adapters_->view();
    const auto part = [&](std::int64_t first, std::int64_t count) {
      return AdapterBlock::make(
          count, 1, {view.down.row(first), count, kHidden}, {view.up.row(first), count, kHidden},
          view.scale.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
    };
    return Pool(info, std::move(shared), {part(0, 10), part(10, kAdapters - 10)});
  }
  [[nodiscard]] static MaskOptions options(MaskEstimator estimator, std::int64_t k) {
    MaskOptions result;
    result.estimator = estimator;
    result.k = k;
    result.optimiser = quick(40, 0.05);
    return result;
  }
  [[nodiscard]] ProfileMask learnt(const Pool& over, const MaskOptions& how) const {
    return learn_mask(model_.base(), over, train_.view(), dev_.view(), how);
  }
};

TEST_F(MaskLearner, EveryEstimatorRecoversThePlantedMask) {
  const double best = residual_nll(model_, dev_, nullptr, adapters_.get(), &truth_);
  const double base = residual_nll(model_, dev_, nullptr);
  ASSERT_GT(base, best + 0.3);
  for (const MaskOptions& how :
       {options(MaskEstimator::kStraightThrough, 0), options(MaskEstimator::kStraightThrough, 8),
        options(MaskEstimator::kGumbelTopK, 8), options(MaskEstimator::kSoftTopK, 8)}) {
    SCOPED_TRACE(message(to_string(how.estimator), ", k ", how.k));
    const ProfileMask mask = learnt(pool(), how);
    EXPECT_FALSE(mask.soft());
    EXPECT_EQ(mask.up.size(), 0);
    ASSERT_EQ(mask.down.size(), kAdapters);
    if (how.k > 0) {
      EXPECT_EQ(mask.down.popcount(), how.k);
    }
    EXPECT_GE(mask.down.overlap(truth_), 7) << mask.down.popcount() << " chosen";
    EXPECT_LT(residual_nll(model_, dev_, nullptr, adapters_.get(), &mask.down),
              best + 0.15 * (base - best));
  }
}

TEST_F(MaskLearner, SoftWeightsComeNearOneAndZero) {
  MaskOptions how = options(MaskEstimator::kStraightThrough, 0);
  how.soft = true;
  const ProfileMask mask = learnt(pool(), how);
  ASSERT_TRUE(mask.soft());
  ASSERT_EQ(mask.down_weights.size(), static_cast<std::size_t>(kAdapters));
  EXPECT_TRUE(mask.up_weights.empty());
  for (std::int64_t i = 0; i < kAdapters; ++i) {
    EXPECT_NEAR(mask.weight(i, false), truth_.test(i) ? 1.0 : 0.0, 0.4) << i;
  }
}

TEST_F(MaskLearner, SeparateAlgebraLearnsTwoSides) {
  for (const bool soft : {false, true}) {
    MaskOptions how = options(MaskEstimator::kStraightThrough, 0);
    how.soft = soft;
    const ProfileMask mask = learnt(pool(Algebra::kSeparate, 0.2), how);
    EXPECT_EQ(mask.soft(), soft);
    if (soft) {
      EXPECT_EQ(mask.up_weights.size(), static_cast<std::size_t>(kAdapters));
      continue;
    }
    ASSERT_EQ(mask.up.size(), kAdapters);
    EXPECT_NE(mask.up, mask.down);
    // B^ A^ of the two sums, as one adapter of rank 1.
    Matrix<float> down(1, kHidden);
    Matrix<float> up(1, kHidden);
    for (std::int64_t i = 0; i < kAdapters; ++i) {
      for (std::int64_t k = 0; k < kHidden; ++k) {
        if (mask.down.test(i)) down.row(0)[k] += 0.2F * adapters_->view().down.at(i, k);
        if (mask.up.test(i)) up.row(0)[k] += 0.2F * adapters_->view().up.at(i, k);
      }
    }
    const std::vector<float> one(1, 1.0F);
    const auto composed = AdapterBlock::make(1, 1, down.view(), up.view(), one);
    EXPECT_LT(residual_nll(model_, dev_, composed.get()),
              residual_nll(model_, dev_, nullptr) - 0.02);
  }
}

TEST_F(MaskLearner, RetiredAdaptersAreNeverSelected) {
  const std::vector<std::int64_t> wanted = truth_.indices();
  const auto check = [&](MaskOptions how, Algebra algebra) {
    SCOPED_TRACE(message(to_string(how.estimator), how.soft ? ", soft" : ""));
    how.retired = BitMask::from_indices(kAdapters, std::vector<std::int64_t>{wanted[0], wanted[3]});
    const ProfileMask mask = learnt(pool(algebra, 0.2), how);
    ASSERT_EQ(mask.size(), kAdapters);
    for (const std::int64_t retired : how.retired.indices()) {
      EXPECT_EQ(mask.weight(retired, false), 0.0F);
      if (algebra == Algebra::kSeparate) {
        EXPECT_EQ(mask.weight(retired, true), 0.0F);
      }
    }
    EXPECT_GT(how.soft ? kAdapters : mask.down.popcount(), 0);
  };
  MaskOptions soft = options(MaskEstimator::kStraightThrough, 0);
  soft.soft = true;
  check(options(MaskEstimator::kStraightThrough, 0), Algebra::kMixture);
  check(options(MaskEstimator::kGumbelTopK, 8), Algebra::kMixture);
  check(options(MaskEstimator::kSoftTopK, 8), Algebra::kMixture);
  check(options(MaskEstimator::kStraightThrough, 0), Algebra::kSeparate);
  check(soft, Algebra::kMixture);
}

TEST_F(MaskLearner, APoolOfRetiredAdaptersIsRefused) {
  MaskOptions how = options(MaskEstimator::kGumbelTopK, 8);
  how.retired = BitMask(kAdapters);
  for (std::int64_t i = 0; i < kAdapters - 7; ++i) how.retired.set(i);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)learnt(pool(), how); }, "not retired");
  for (std::int64_t i = 0; i < kAdapters; ++i) how.retired.set(i);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)learnt(pool(), how); }, "retired");
}

TEST_F(MaskLearner, TheSharedAdapterIsAlwaysOn) {
  // The shared adapter is adapter 0, which the person uses: the mask leaves it to the shared one.
  const AdapterBlockView& view = adapters_->view();
  const auto shared = AdapterBlock::make(1, 1, {view.down.row(0), 1, kHidden},
                                         {view.up.row(0), 1, kHidden}, view.scale.first(1));
  const MaskOptions how = options(MaskEstimator::kStraightThrough, 0);
  const ProfileMask with = learnt(pool(Algebra::kMixture, 1.0, shared), how);
  const ProfileMask without = learnt(pool(), how);
  EXPECT_FALSE(with.down.test(0));
  EXPECT_TRUE(without.down.test(0));
  EXPECT_GE(with.down.overlap(truth_), 6);
}

TEST_F(MaskLearner, SameSeedSameBytes) {
  MaskOptions how = options(MaskEstimator::kGumbelTopK, 6);
  how.optimiser.epochs = 3;
  how.optimiser.input_dropout = 0.2;
  how.optimiser.bottleneck_dropout = 0.3;
  how.optimiser.vocabulary = 30;
  const ProfileMask first = learnt(pool(), how);
  EXPECT_EQ(first, learnt(pool(), how));
  how.soft = true;
  const ProfileMask soft = learnt(pool(), how);
  EXPECT_EQ(soft, learnt(pool(), how));
  how.optimiser.seed = 9;
  EXPECT_NE(soft, learnt(pool(), how));
}

TEST_F(MaskLearner, StopsWhenAsked) {
  Impatient impatient(3);
  expect_error(ErrorCode::kInterrupted, [&] {
    (void)learn_mask(model_.base(), pool(), train_.view(), {},
                     options(MaskEstimator::kStraightThrough, 0), &impatient);
  });
}

TEST_F(MaskLearner, RefusesWhatDoesNotFit) {
  const MaskOptions fine = options(MaskEstimator::kStraightThrough, 0);
  const auto refused = [&](ErrorCode code, const std::string& words, const Pool& over,
                           const MaskOptions& how) {
    expect_error(
        code, [&] { (void)learnt(over, how); }, words);
  };
  refused(ErrorCode::kInvalidArgument, "the pool has 24", pool(),
          options(MaskEstimator::kSoftTopK, kAdapters + 1));
  refused(ErrorCode::kInvalidArgument, "needs k", pool(), options(MaskEstimator::kGumbelTopK, 0));
  MaskOptions cold = fine;
  cold.temperature = 0;
  refused(ErrorCode::kInvalidArgument, "temperature", pool(), cold);
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] { (void)learn_mask(model_.base(), pool(), {}, dev_.view(), fine); }, "one train row");
  PoolInfo info = pool().info();
  refused(ErrorCode::kInvalidArgument, "only a shared adapter", Pool(info, adapters_, {}), fine);
  info.form = Form::kDistribution;
  refused(ErrorCode::kUnsupported, "distribution", Pool(info, nullptr, {adapters_}), fine);
  info = pool().info();
  info.site = FeatureSite::kPreNorm;
  refused(ErrorCode::kMismatch, "pre_norm", Pool(info, nullptr, {adapters_}), fine);
  info = pool().info();
  info.model = sha256("another");
  refused(ErrorCode::kMismatch, "base model", Pool(info, nullptr, {adapters_}), fine);
  refused(ErrorCode::kMismatch, "wide", Pool(pool().info(), nullptr, {random_adapters(3, 1, 9, 1)}),
          fine);
}

}  // namespace
}  // namespace pema::train
