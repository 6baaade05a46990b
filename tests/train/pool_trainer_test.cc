#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

/// Six people over a planted pool of 12 adapters, each with a mask of their own.
class PoolTrainer : public ::testing::Test {
 protected:
  static constexpr std::int64_t kPeople = 6;
  TinyModel model_;
  std::shared_ptr<const AdapterBlock> truth_ = normal_block(12, 1, 1.2, 61);
  std::vector<SampleSet> train_;
  std::vector<SampleSet> dev_;
  std::vector<PoolPerson> people_;

  PoolTrainer() {
    for (std::int64_t p = 0; p < kPeople; ++p) {
      BitMask mask(12);
      for (std::int64_t i = 0; i < 12; ++i) mask.set(i, (i * (p + 2) + p) % 3 == 0);
      const auto seed = static_cast<std::uint64_t>(100 + 10 * p);
      train_.push_back(planted_samples(model_, truth_.get(), &mask, 500, seed));
      dev_.push_back(planted_samples(model_, truth_.get(), &mask, 150, seed + 1));
    }
    for (std::int64_t p = 0; p < kPeople; ++p) {
      const auto i = static_cast<std::size_t>(p);
      people_.push_back({train_[i].view(), dev_[i].view()});
    }
  }
  [[nodiscard]] static PoolOptions options() {
    PoolOptions result;
    result.adapters = 32;
    result.shared_rank = 3;
    result.shared = quick(15, 0.02);
    result.joint = quick(25, 0.01);
    return result;
  }
  [[nodiscard]] double mean_dev(const AdapterBlock* shared, const AdapterBlock* adapters,
                                const std::vector<ProfileMask>& masks) const {
    double total = 0;
    for (std::size_t p = 0; p < dev_.size(); ++p) {
      total += residual_nll(model_, dev_[p], shared, adapters,
                            adapters == nullptr ? nullptr : &masks[p].down);
    }
    return total / static_cast<double>(dev_.size());
  }
};

TEST_F(PoolTrainer, PersonalBeatsSharedBeatsBase) {
  const PoolResult result = train_pool(model_.base(), people_, options());
  ASSERT_NE(result.shared, nullptr);
  ASSERT_NE(result.adapters, nullptr);
  EXPECT_EQ(result.shared->view().rank, 3);
  EXPECT_EQ(result.adapters->view().count, 32);
  ASSERT_EQ(result.masks.size(), people_.size());
  ASSERT_EQ(result.dev_loss.size(), 25U);
  const double base = mean_dev(nullptr, nullptr, {});
  const double shared = mean_dev(result.shared.get(), nullptr, {});
  const double personal = mean_dev(result.shared.get(), result.adapters.get(), result.masks);
  EXPECT_LT(shared, base - 0.05);
  EXPECT_LT(personal, shared - 0.1);
  // The kept epoch is the best one, and its loss is that of the returned pool and masks.
  EXPECT_NEAR(*std::min_element(result.dev_loss.begin(), result.dev_loss.end()), personal, 1e-4);
}

TEST_F(PoolTrainer, ExactlyKAdaptersPerMaskWhenAsked) {
  PoolOptions how = options();
  how.k = 9;
  how.rank = 2;
  how.shared_rank = 0;
  how.joint.epochs = 3;
  const PoolResult result = train_pool(model_.base(), people_, how);
  EXPECT_EQ(result.shared, nullptr);
  EXPECT_EQ(result.adapters->view().rank, 2);
  for (const ProfileMask& mask : result.masks) EXPECT_EQ(mask.down.popcount(), 9);
}

TEST_F(PoolTrainer, TheSharedAdapterMovesOnlyWhenTrainedJointly) {
  PoolOptions how = options();
  how.shared.epochs = 2;
  how.joint.epochs = 2;
  const PoolResult frozen = train_pool(model_.base(), people_, how);
  how.train_shared_jointly = true;
  const PoolResult moving = train_pool(model_.base(), people_, how);
  how.adapters = 0;
  const PoolResult alone = train_pool(model_.base(), people_, how);
  EXPECT_EQ(frozen.shared->digest(), alone.shared->digest());
  EXPECT_NE(moving.shared->digest(), alone.shared->digest());
  EXPECT_EQ(alone.adapters, nullptr);
  EXPECT_TRUE(alone.masks.empty());
}

TEST_F(PoolTrainer, AGivenSharedAdapterGivesTheSamePool) {
  PoolOptions how = options();
  how.shared.epochs = 2;
  how.joint.epochs = 2;
  for (const bool jointly : {false, true}) {
    how.train_shared_jointly = jointly;
    const PoolResult whole = train_pool(model_.base(), people_, how);
    PoolOptions only_shared = how;
    only_shared.adapters = 0;
    const PoolResult first = train_pool(model_.base(), people_, only_shared);
    const PoolResult second = train_pool(model_.base(), people_, how, nullptr, first.shared);
    EXPECT_EQ(second.shared->digest(), whole.shared->digest());
    EXPECT_EQ(second.adapters->digest(), whole.adapters->digest());
    EXPECT_EQ(second.masks, whole.masks);
  }
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] { (void)train_pool(model_.base(), people_, how, nullptr, truth_); }, "12 adapters");
}

TEST_F(PoolTrainer, ANewPersonsMaskOverATrainedPoolHelps) {
  const std::span<const PoolPerson> five(people_.data(), 5);
  const PoolResult result = train_pool(model_.base(), five, options());
  PoolInfo info;
  info.model = model_.info.fingerprint;
  const Pool pool(info, result.shared, {result.adapters});
  MaskOptions how;
  how.optimiser = quick(30, 0.05);
  const ProfileMask mask = learn_mask(model_.base(), pool, people_[5].train, people_[5].dev, how);
  EXPECT_LT(residual_nll(model_, dev_[5], result.shared.get(), result.adapters.get(), &mask.down),
            residual_nll(model_, dev_[5], result.shared.get()) - 0.05);
}

TEST_F(PoolTrainer, QueryRowsTeachTheAdaptersButNotTheMask) {
  std::vector<PoolPerson> people = people_;
  for (PoolPerson& person : people) person.dev = {};  // keep the last epoch, not the best
  people[2] = {{}, {}, train_[2].view()};
  PoolOptions how = options();
  how.shared_rank = 0;
  how.mask_restarts = 0;
  how.joint.epochs = 1;
  const PoolResult early = train_pool(model_.base(), people, how);
  how.joint.epochs = 20;
  const PoolResult late = train_pool(model_.base(), people, how);
  EXPECT_EQ(early.masks[2], late.masks[2]);
  EXPECT_NE(early.masks[3], late.masks[3]);
  EXPECT_LT(residual_nll(model_, train_[2], nullptr, late.adapters.get(), &late.masks[2].down),
            residual_nll(model_, train_[2], nullptr) - 0.1);
  people[2].query = {};
  EXPECT_NE(train_pool(model_.base(), people, how).adapters->digest(), late.adapters->digest());
}

TEST_F(PoolTrainer, ARestartDrawsEveryMaskAnew) {
  std::vector<PoolPerson> people = people_;
  for (PoolPerson& person : people) person.dev = {};
  PoolOptions how = options();
  how.shared_rank = 0;
  how.joint.epochs = 4;
  how.mask_learning_rate = 1e-12;  // masks stay what they were drawn as
  const auto masks_after = [&](std::int64_t restarts, std::int64_t epochs) {
    how.mask_restarts = restarts;
    how.joint.epochs = epochs;
    return train_pool(model_.base(), people, how).masks;
  };
  const auto first = masks_after(0, 4);
  const auto second = masks_after(1, 4);
  for (std::size_t p = 0; p < people.size(); ++p) EXPECT_NE(first[p], second[p]);
  EXPECT_EQ(masks_after(1, 1), first);  // never before the first epoch
  EXPECT_NE(masks_after(2, 4), second);
}

TEST_F(PoolTrainer, SameSeedSameBytes) {
  PoolOptions how = options();
  how.shared.epochs = 1;
  how.joint.epochs = 2;
  how.joint.input_dropout = 0.2;
  how.joint.bottleneck_dropout = 0.3;
  how.joint.vocabulary = 30;
  const PoolResult first = train_pool(model_.base(), people_, how);
  const PoolResult second = train_pool(model_.base(), people_, how);
  EXPECT_EQ(first.shared->digest(), second.shared->digest());
  EXPECT_EQ(first.adapters->digest(), second.adapters->digest());
  EXPECT_EQ(first.masks, second.masks);
  EXPECT_EQ(first.dev_loss, second.dev_loss);
  PoolOptions steady = how;
  steady.joint.bottleneck_dropout = 0;
  EXPECT_NE(first.adapters->digest(),
            train_pool(model_.base(), people_, steady).adapters->digest());
  how.joint.seed = 5;
  EXPECT_NE(first.adapters->digest(), train_pool(model_.base(), people_, how).adapters->digest());
}

TEST_F(PoolTrainer, StopsWhenAskedInEitherPhase) {
  const std::int64_t shared_steps = 15 * ((kPeople * 500 + 63) / 64);
  for (const std::int64_t patience : {std::int64_t{4}, shared_steps + 10}) {
    Impatient impatient(patience);
    expect_error(
        ErrorCode::kInterrupted,
        [&] { (void)train_pool(model_.base(), people_, options(), &impatient); },
        patience == 4 ? "shared adapter" : "pool");
  }
}

TEST_F(PoolTrainer, RefusesWhatItCannotTrain) {
  const auto refused = [&](const std::string& words, std::span<const PoolPerson> people,
                           auto change) {
    PoolOptions how = options();
    change(how);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)train_pool(model_.base(), people, how); }, words);
  };
  const auto nothing = [](PoolOptions&) {};
  refused("at least one train row", {}, nothing);
  const PoolPerson silent{{}, dev_[0].view()};
  refused("at least one train row", {&silent, 1}, nothing);
  refused("both are 0", people_, [](PoolOptions& o) { o.adapters = o.shared_rank = 0; });
  refused("k is 33", people_, [](PoolOptions& o) { o.k = 33; });
  refused("mask_learning_rate", people_, [](PoolOptions& o) { o.mask_learning_rate = 0; });
  refused("mask_restarts", people_, [](PoolOptions& o) { o.mask_restarts = -1; });
  refused("bottleneck_dropout", people_, [](PoolOptions& o) { o.joint.bottleneck_dropout = 1; });
  refused("rank", people_, [](PoolOptions& o) { o.rank = 0; });
  const SampleSet narrow(normal_matrix(3, kHidden - 1, 1.0, 1), {0, 1, 2}, {0, 3}, {1});
  std::vector<PoolPerson> mixed = people_;
  mixed[2].dev = narrow.view();
  expect_error(
      ErrorCode::kMismatch, [&] { (void)train_pool(model_.base(), mixed, options()); },
      "person 2 dev");
  mixed = people_;
  mixed[4].query = narrow.view();
  expect_error(
      ErrorCode::kMismatch, [&] { (void)train_pool(model_.base(), mixed, options()); },
      "person 4 query");
}

}  // namespace
}  // namespace pema::train
