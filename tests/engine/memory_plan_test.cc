// plan_memory says before what the memory manager counts afterwards.
#include "pema/memory_plan.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

class Plan : public testing::Test {
 protected:
  Plan() : store(Store::open(folder.file("store"), OpenMode::kCreate)) {
    store.put_model(model.info, "tiny.gguf");
    pool = store.put_pool("main", *random_pool(model, {}));
    shared = store.put_segment(*random_segment(random, model, 30), SegmentKind::kShared, "all");
    for (const std::string name : {"ann", "bob", "eve"}) {
      ProfileDraft draft;
      draft.name = name;
      draft.pool = pool.id;
      draft.mask = random_mask(random, Algebra::kMixture, false);
      draft.schedule = {.lambda_max = 0.8, .lambda_own = 0.2, .lambda_shared = 0.1};
      draft.segments = {shared.id};
      if (name == "bob") draft.own_segments = {random_segment(random, model, 65)};
      store.put_profile(draft);
    }
  }
  [[nodiscard]] MemoryPlan plan(std::int64_t budget, std::vector<std::string> names = {}) const {
    return plan_memory(store, names, {.budget_bytes = budget});
  }
  static const PlannedMemory& item(const MemoryPlan& plan, MemoryKind kind) {
    for (const PlannedMemory& one : plan.items) {
      if (one.kind == kind) return one;
    }
    throw std::logic_error("no such item");
  }

  TinyModel model;
  std::mt19937 random{41};
  TemporaryFolder folder;
  Store store;
  PoolRecord pool;
  SegmentRecord shared;
};

TEST_F(Plan, SaysTheBytesThatWillBeHeld) {
  const MemoryPlan all = plan(1 << 20);
  EXPECT_EQ(all.profiles, 3);
  EXPECT_EQ(all.largest_profile, "bob");
  const auto memory = std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = 1 << 20});
  LeaseBook book(store, model.info, memory);
  const auto bob = book.acquire("bob");
  EXPECT_EQ(memory->stats().host_held, all.largest_lease);
  EXPECT_EQ(item(all, MemoryKind::kPool).bytes, bob->pool->bytes());
  const auto ann = book.acquire("ann");
  const TinyBatch batch(model, {ann.get(), bob.get(), book.acquire("eve").get()});
  for (const Strategy strategy : {Strategy::kProjected, Strategy::kComposed}) {
    const auto eve = book.acquire("eve");
    const TinyBatch rows(model, {ann.get(), bob.get(), eve.get()});
    Engine engine(model.info, model.head, {.strategy = strategy, .memory = memory});
    (void)run_step(engine, rows.view());
  }
  const auto held = [&](MemoryKind kind) {
    return memory->stats().of(kind).bytes[static_cast<std::size_t>(MemoryTier::kRam)];
  };
  EXPECT_EQ(held(MemoryKind::kProjection), item(all, MemoryKind::kProjection).bytes);
  EXPECT_EQ(held(MemoryKind::kComposed), item(all, MemoryKind::kComposed).bytes);
  EXPECT_EQ(all.masks, 3);
  EXPECT_EQ(memory->stats().host_held, all.bytes);
}

TEST_F(Plan, WhatMorePeopleNeedComesFirstAndMadeThingsLast) {
  const std::int64_t pool_bytes = store.load_pool(pool.id)->bytes();
  const MemoryPlan exact = plan(pool_bytes);
  const MemoryPlan all = plan(1 << 20);
  EXPECT_EQ(all.bytes, all.fitting_bytes);
  EXPECT_EQ(all.fitting_masks, 3);
  EXPECT_EQ(all.items.front().readers, 3);
  EXPECT_FALSE(item(plan(pool_bytes - 1), MemoryKind::kPool).fits);
  EXPECT_LE(exact.fitting_bytes, pool_bytes);
  EXPECT_EQ(all.items.back().kind, MemoryKind::kProjection);
  EXPECT_EQ(all.projections.size(), 4U);
  EXPECT_EQ(all.projections[0].bytes, 4 * all.projections[3].bytes);
  EXPECT_EQ(plan(0).fitting_masks, 0);
}

TEST_F(Plan, IsForTheNamedProfilesOnly) {
  const MemoryPlan ann = plan(1 << 20, {"ann"});
  EXPECT_EQ(ann.profiles, 1);
  EXPECT_EQ(ann.masks, 1);
  for (const PlannedMemory& one : ann.items) EXPECT_EQ(one.readers, 1);
  expect_error(
      ErrorCode::kNotFound, [&] { (void)plan(1, {"mallory"}); }, "'mallory'");
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)plan(-1); });
}

TEST_F(Plan, ADamagedHeaderIsToldNotPlanned) {
  const std::string path = store.object_path(pool.block_objects[0]);
  std::vector<std::byte> bytes = read_bytes(path);
  bytes[16] ^= std::byte{1};
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  write_bytes(path, bytes);
  expect_error(ErrorCode::kCorrupt, [&] { (void)plan(1 << 20); });
}

}  // namespace
}  // namespace pema::test
