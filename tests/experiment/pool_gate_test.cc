// What a gate learns from is what the engine later weighs.
#include "tools/experiment/pool_gate.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/expect_error.h"
#include "tests/support/letter_people.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_gguf.h"
#include "tools/experiment/scoring.h"
#include "tools/experiment/walk.h"

namespace pema::tools {
namespace {

class PoolGateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    test::write_tiny_gguf(folder_.file("tiny.gguf"));
    plm::ModelOptions model;
    model.threads = 1;
    model_ = plm::LanguageModel::open(folder_.file("tiny.gguf"), model);
    WalkOptions options;
    options.methods = seeded_methods(7);
    options.methods.pool.adapters = 8;
    options.methods.pool.shared_rank = 4;
    options.methods.pool.shared.epochs = 2;
    options.methods.pool.joint.epochs = 2;
    options.methods.mask.optimiser.epochs = 2;
    options.methods.gate.steps = 50;
    options.work = folder_.file("work");
    options.cache = folder_.file("features");
    options.threads = 1;
    walk_ = std::make_unique<Walk>(*model_, test::letter_people(9, 5, 1, 2), options);
  }
  /// A lease of the gated pool for the pool's first person.
  [[nodiscard]] Lease lease(const KeyChoice& keys = {}) {
    Workshop shop = walk_->shop();
    Lease lease;
    lease.pool = walk_->store().load_pool(walk_->foundation().shared_gate.id);
    lease.mask_digest = lease.mask.digest();
    lease.gate = lease.pool->gate();
    lease.own = {make_segment(shop.base(), walk_->pool_people()[0]->train.view(), keys)};
    lease.shared = {make_segment(shop.base(), walk_->pool_people()[1]->train.view())};
    return lease;
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<plm::LanguageModel> model_;
  std::unique_ptr<Walk> walk_;
};

TEST_F(PoolGateTest, RowsAreWhatTheEngineWeighsWithEveryChoiceOfMemories) {
  Workshop shop = walk_->shop();
  const Samples rows = walk_->pool_people()[0]->dev.view();
  ASSERT_GT(rows.rows(), 0);
  const ScoredRows scored(rows, shop.head, 1);
  const KeyChoice codes{KeyType::kProductQuantised, walk_->foundation().codebook};
  ASSERT_NE(codes.codebook, nullptr);
  for (int memories = 0; memories < 8; ++memories) {
    Lease some = lease((memories & 4) != 0 ? codes : KeyChoice{});
    ASSERT_NE(some.gate, nullptr);
    ASSERT_TRUE(some.gate->knows_quantised());
    if ((memories & 1) == 0) some.shared.clear();
    if ((memories & 2) == 0) some.own.clear();
    const auto seen = gate_rows(shop, some, rows, some.gate->recall());
    EXPECT_EQ(seen[0].input.has_shared, (memories & 1) != 0);
    EXPECT_EQ(seen[0].input.has_own, (memories & 2) != 0);
    EXPECT_TRUE(seen[0].input.has_personal);
    EXPECT_EQ(MixtureGate::memories(seen[0].input) >= MixtureGate::kPlainMemories,
              (memories & 6) == 6);
    const double learnt = train::gate_nll(*some.gate, seen);
    const double served = scored.nll_sum(shop.engine, &some) / static_cast<double>(rows.rows());
    EXPECT_NEAR(learnt, served, 1e-4) << memories;
  }
}

TEST_F(PoolGateTest, APersonsOwnTextsAreNoSharedMemoryOfHers) {
  Workshop shop = walk_->shop();
  const auto pool = walk_->store().load_pool(walk_->foundation().shared.id);
  const std::vector<const PersonMaterial*> one = {walk_->pool_people()[0]};
  const Pool gated = add_gate(shop, *pool, one, {});
  EXPECT_EQ(gated.shared_block(), pool->shared_block());
  EXPECT_NE(gated.digest(), pool->digest());
  // With nobody else there is no shared memory: those sets of weights are not learnt.
  EXPECT_EQ(gated.gate()->weights()[1], MixtureGate().weights()[1]);
  EXPECT_EQ(gated.gate()->weights()[3], MixtureGate().weights()[3]);
  EXPECT_NE(gated.gate()->weights()[2], MixtureGate().weights()[2]);
}

TEST_F(PoolGateTest, QuantisedKeysChangeNothingForExactOnes) {
  Workshop shop = walk_->shop();
  const auto pool = walk_->store().load_pool(walk_->foundation().shared.id);
  GateLesson lesson{PoolParts::kTrainAndTest, {}, nullptr, walk_->methods().gate};
  const auto plain = add_gate(shop, *pool, walk_->pool_people(), lesson).gate();
  EXPECT_FALSE(plain->knows_quantised());
  const auto both = walk_->store().load_pool(walk_->foundation().shared_gate.id)->gate();
  EXPECT_EQ(MixtureGate::without_quantised(both->weights()), plain->weights());
  lesson.codebook = walk_->foundation().codebook;
  EXPECT_EQ(*add_gate(shop, *pool, walk_->pool_people(), lesson).gate(), *both);
}

TEST_F(PoolGateTest, TheCodebookIsThatOfTheSharedMemory) {
  Workshop shop = walk_->shop();
  const auto memory = walk_->store().load_segment(walk_->foundation().memory.id);
  EXPECT_EQ(walk_->foundation().codebook->digest(), learn_codebook({&memory, 1})->digest());
  const std::vector<const PersonMaterial*> nobody;
  EXPECT_EQ(learn_pool_codebook(shop, nobody, PoolParts::kTrain), nullptr);
}

TEST_F(PoolGateTest, PeopleWithoutDevPartsTeachNoGate) {
  Workshop shop = walk_->shop();
  const auto pool = walk_->store().load_pool(walk_->foundation().shared.id);
  PersonMaterial person = *walk_->pool_people()[0];
  person.dev = {};
  const std::vector<const PersonMaterial*> one = {&person};
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)add_gate(shop, *pool, one, {}); }, "--no-gate");
}

TEST_F(PoolGateTest, BothPoolsOfAWalkHaveTheSameGate) {
  const auto shared = walk_->store().load_pool(walk_->foundation().shared_gate.id);
  const auto main = walk_->store().load_pool(walk_->foundation().main_gate.id);
  EXPECT_EQ(*shared->gate(), *main->gate());
  EXPECT_EQ(main->blocks().size(), 1U);
}

}  // namespace
}  // namespace pema::tools
