// What the engine asks of a device: nothing new in a warm step, room within the budget, and what it
// does when the device is full or lost. In the emulator alone, where requests can be counted and
// made to fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "pema/memory_manager.h"
#include "tests/cuda/emulated_runtime.h"
#include "tests/cuda/engine_cases.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

class DeviceMemoryOfEngine : public testing::Test {
 protected:
  DeviceMemoryOfEngine() {
    for (unsigned p = 0; p < 2; ++p) {
      mixture.push_back(lease(Algebra::kMixture, 7 + p));
      separate.push_back(lease(Algebra::kSeparate, 20 + p));
    }
    recalls = mixture[0];
    recalls.schedule.lambda_own = 0.3;
    recalls.own = {random_segment(random, model, 12)};
  }
  void SetUp() override {
    reset_emulated_device();
    ASSERT_EQ(emulated_device().live, 0);
  }
  void TearDown() override {
    memory.reset();
    EXPECT_EQ(emulated_device().live, 0) << "blocks were not given back";
    EXPECT_EQ(emulated_device().live_bytes, 0);
    EXPECT_EQ(emulated_device().breaches, 0);
  }
  Lease lease(Algebra algebra, unsigned seed) {
    PoolInfo info;
    info.algebra = algebra;
    return make_lease("p", random_pool(model, info, true, seed), random_mask(random, algebra, true),
                      {.lambda_max = 0.7});
  }
  EngineOptions options(Strategy strategy = Strategy::kAuto) {
    EngineOptions made;
    made.strategy = strategy;
    made.threads = 1;
    made.memory = memory;
    made.device.emplace();
    return made;
  }
  Engine engine(Strategy strategy = Strategy::kAuto) {
    return Engine(model.info, model.head, options(strategy));
  }

  TinyModel model;
  std::mt19937 random{11};
  std::vector<Lease> mixture;
  std::vector<Lease> separate;
  Lease recalls;
  std::shared_ptr<MemoryManager> memory;
};

TEST_F(DeviceMemoryOfEngine, AWarmStepAllocatesNothingAndWaitsForItsResultAlone) {
  const TinyBatch batch(model, {&mixture[0], nullptr, &separate[1], &recalls, &mixture[0]});
  Engine tested = engine();
  const Matrix<float> cold = run_step(tested, batch.view());
  EXPECT_GT(emulated_device().allocations, 5);
  EXPECT_GT(emulated_device().loads, 2);
  reset_emulated_device();
  expect_same_bits(run_step(tested, batch.view()), cold);
  expect_same_bits(run_step(tested, batch.view()), cold);
  EXPECT_EQ(emulated_device().allocations, 0);
  EXPECT_EQ(emulated_device().pinned, 0);
  EXPECT_EQ(emulated_device().loads, 0);
  EXPECT_EQ(emulated_device().waits, 2) << "one for the scores of each step";
  EXPECT_EQ(emulated_device().fence_waits, 0);
  EXPECT_EQ(emulated_device().uploads, 2 * 4) << "features, logits, lists before and after recall";
  EXPECT_EQ(emulated_device().downloads, 2 * 2) << "scores and status";
}

TEST_F(DeviceMemoryOfEngine, AWarmStepOnTheDeviceDoesNotWait) {
  const TinyBatch batch(model, {&mixture[0], nullptr, &separate[1], &mixture[0]});
  BatchOnDevice there(batch.view());
  Engine tested = engine();
  const Matrix<float> cold = there.run(tested);
  tested.step(there.view(), there.room());  // the other half of the staging
  tested.finish();
  reset_emulated_device();
  tested.step(there.view(), there.room());
  tested.step(there.view(), there.room());
  EXPECT_EQ(emulated_device().allocations, 0);
  EXPECT_EQ(emulated_device().pinned, 0);
  EXPECT_EQ(emulated_device().loads, 0);
  EXPECT_EQ(emulated_device().waits, 0);
  EXPECT_EQ(emulated_device().fence_waits, 0);
  EXPECT_EQ(emulated_device().uploads, 2 * 2) << "lists before and after recall";
  EXPECT_EQ(emulated_device().downloads, 0);
  tested.step(there.view(), there.room());
  EXPECT_EQ(emulated_device().fence_waits, 1) << "the device is two steps behind";
  tested.finish();
  expect_same_bits(there.scores(), cold);
}

TEST_F(DeviceMemoryOfEngine, RecallCopiesFeaturesOnlyWhereTheHostHasNone) {
  const TinyBatch batch(model, {&recalls, &mixture[1]});
  BatchOnDevice there(batch.view());
  Engine tested = engine();
  const Matrix<float> expected = there.run(tested);
  (void)there.run(tested);
  reset_emulated_device();
  tested.step(there.view(), there.room());
  EXPECT_EQ(emulated_device().waits, 1);
  EXPECT_EQ(emulated_device().downloads, 1);
  tested.finish();
  reset_emulated_device();
  DeviceBatch both = there.view();
  both.host_features = batch.view().features;
  tested.step(both, there.room());
  EXPECT_EQ(emulated_device().waits, 0);
  EXPECT_EQ(emulated_device().downloads, 0);
  tested.finish();
  expect_same_bits(there.scores(), expected);
}

TEST_F(DeviceMemoryOfEngine, ABatchWithoutProfilesNeverReachesTheDevice) {
  const TinyBatch batch(model, {nullptr, nullptr});
  Engine tested = engine();
  const Matrix<float> out = run_step(tested, batch.view());
  EXPECT_EQ(std::memcmp(out.data(), batch.logits.data(), 2 * kVocab * sizeof(float)), 0);
  EXPECT_EQ(emulated_device().allocations, 0);
  EXPECT_EQ(emulated_device().uploads, 0);
}

TEST_F(DeviceMemoryOfEngine, AFullDeviceIsToldAndTheNextStepIsWhole) {
  const TinyBatch batch(model, {&mixture[0], &separate[1], &recalls});
  Matrix<float> expected;
  {
    Engine calm = engine();
    expected = run_step(calm, batch.view());
  }
  for (std::int64_t n = 0; n < 40; n += 5) {
    Engine tested = engine();  // cold
    emulated_device().refuse_memory = true;
    emulated_device().calls_left = n;
    const std::optional<Error> error = error_of([&] { (void)run_step(tested, batch.view()); });
    emulated_device().calls_left = -1;
    if (!error) {
      EXPECT_GT(n, 12);
      break;
    }
    EXPECT_EQ(to_string(error->code()), "over_budget") << error->what();
    expect_same_bits(run_step(tested, batch.view()), expected);
  }
  Engine tested = engine();
  emulated_device().capacity = 4096;
  expect_error(
      ErrorCode::kOverBudget, [&] { (void)run_step(tested, batch.view()); }, "room");
}

TEST_F(DeviceMemoryOfEngine, ALostDeviceIsToldAndNothingIsHalfDone) {
  const TinyBatch batch(model, {&mixture[0], &separate[1], &recalls});
  Engine tested = engine();
  const Matrix<float> expected = run_step(tested, batch.view());
  std::int64_t n = 0;
  for (;; ++n) {  // the n-th call of a warm step
    ASSERT_LT(n, 300);
    emulated_device().calls_left = n;
    const std::optional<Error> error = error_of([&] { (void)run_step(tested, batch.view()); });
    emulated_device().calls_left = -1;
    if (!error) break;
    EXPECT_EQ(to_string(error->code()), "io") << error->what();
    if (n % 7 == 0) expect_same_bits(run_step(tested, batch.view()), expected);
  }
  EXPECT_GT(n, 10);
  expect_same_bits(run_step(tested, batch.view()), expected);
  // As long as it is lost, every step says so.
  emulated_device().calls_left = 0;
  for (int i = 0; i < 2; ++i) {
    expect_error(
        ErrorCode::kIo, [&] { (void)run_step(tested, batch.view()); }, "lost");
  }
  expect_error(
      ErrorCode::kIo, [&] { tested.finish(); }, "lost");
}

TEST_F(DeviceMemoryOfEngine, WhatTheDeviceHoldsIsTheManagersAndErasedWithThePool) {
  memory = std::make_shared<MemoryManager>(
      MemoryOptions{.budget_bytes = 1 << 20, .device_bytes = 1 << 20});
  const TinyBatch batch(model, {&mixture[0], &separate[1]});
  std::optional<Engine> tested(engine(Strategy::kComposed));
  const Matrix<float> expected = run_step(*tested, batch.view());
  const auto device = static_cast<std::size_t>(MemoryTier::kDevice);
  const auto held = [&](MemoryKind kind) { return memory->stats().of(kind).bytes[device]; };
  EXPECT_EQ(held(MemoryKind::kHead), kHidden * 100 * 4);
  EXPECT_EQ(held(MemoryKind::kComposed), 2 * kRank * kHidden * 4);
  EXPECT_EQ(held(MemoryKind::kPoolCopy), 2 * kAdapters * kRank * kHidden * 4);
  EXPECT_EQ(held(MemoryKind::kPool), 2 * (5 + kAdapters * kRank + 5) * kHidden * 4);
  EXPECT_EQ(memory->stats().leased, held(MemoryKind::kHead)) << "the step's leases are over";
  // A person's mask, then a pool, are gone from the device at once, and made anew when asked for.
  EXPECT_EQ(memory->erase(separate[1].mask_digest).items, 1);
  EXPECT_EQ(held(MemoryKind::kComposed), 0);
  EXPECT_GT(memory->erase(mixture[0].pool->digest()).items, 0);
  EXPECT_EQ(held(MemoryKind::kPool), 2 * 5 * kHidden * 4);
  expect_same_bits(run_step(*tested, batch.view()), expected);
  tested.reset();
  EXPECT_GT(memory->stats().device_held, 0) << "other engines may want it";
}

TEST_F(DeviceMemoryOfEngine, ABudgetForOnePoolServesTwoInTurnAndRefusesThemTogether) {
  const std::int64_t pool = 2 * (5 + kAdapters * kRank) * kHidden * 4;
  memory = std::make_shared<MemoryManager>(
      MemoryOptions{.budget_bytes = 1 << 20, .device_bytes = kHidden * 100 * 4 + pool + pool / 3});
  const TinyBatch one(model, {&mixture[0]});
  const TinyBatch other(model, {&mixture[1]});
  const TinyBatch both(model, {&mixture[0], &mixture[1]});
  Matrix<float> expected[2];
  {
    const std::shared_ptr<MemoryManager> small = std::exchange(memory, nullptr);
    Engine roomy = engine(Strategy::kFactored);
    expected[0] = run_step(roomy, one.view());
    expected[1] = run_step(roomy, other.view());
    memory = small;
  }
  Engine tested = engine(Strategy::kFactored);
  for (int round = 0; round < 2; ++round) {
    expect_same_bits(run_step(tested, one.view()), expected[0]);
    expect_same_bits(run_step(tested, other.view()), expected[1]);
    expect_error(
        ErrorCode::kBusy, [&] { (void)run_step(tested, both.view()); }, "on the device");
  }
  // Queued steps lease what they read; for want of room they are waited for.
  BatchOnDevice first(one.view());
  BatchOnDevice second(other.view());
  tested.step(first.view(), first.room());
  reset_emulated_device();
  tested.step(second.view(), second.room());
  EXPECT_GE(emulated_device().waits, 1);
  tested.finish();
  expect_same_bits(first.scores(), expected[0]);
  expect_same_bits(second.scores(), expected[1]);
  EXPECT_LE(memory->stats().device_held, memory->stats().device_bytes);
}

}  // namespace
}  // namespace pema::test
