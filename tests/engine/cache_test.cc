// The composed cache keeps within its bytes, throws out the least recently used, and says so.
#include <gtest/gtest.h>

#include "src/engine/bottleneck_cache.h"
#include "src/engine/plan.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

using engine::BottleneckCache;
using engine::CacheEntry;
using engine::CacheKey;

CacheKey key(const std::string& name) {
  return {engine::EntryKind::kComposed, sha256("pool"), sha256(name)};
}

CacheEntry entry(std::int64_t floats) {
  CacheEntry made;
  made.projection = Matrix<float>(1, floats);
  return made;
}

TEST(BottleneckCache, ABudgetOfExactlyOneEntryHoldsOne) {
  BottleneckCache cache(40);
  (void)cache.get(key("a"), [] { return entry(10); });
  EXPECT_EQ(cache.stats().bytes, 40);
  (void)cache.get(key("a"), []() -> CacheEntry { throw std::logic_error("made twice"); });
  EXPECT_EQ(cache.stats().hits, 1);
  EXPECT_EQ(cache.stats().misses, 1);
}

TEST(BottleneckCache, AMissMayBeMadeLater) {
  BottleneckCache cache(80);
  EXPECT_EQ(cache.find(key("a")), nullptr);
  EXPECT_EQ(cache.find(key("b")), nullptr);
  const auto a = cache.put(key("a"), entry(10));
  const auto b = cache.put(key("b"), entry(10));
  EXPECT_EQ(cache.find(key("a")), a);
  EXPECT_EQ(cache.find(key("b")), b);
  EXPECT_EQ(cache.stats().misses, 2);
  EXPECT_EQ(cache.stats().hits, 2);
}

TEST(BottleneckCache, KindsOfOnePoolDoNotMix) {
  BottleneckCache cache(80);
  (void)cache.get({engine::EntryKind::kTiles, sha256("pool")}, [] { return entry(10); });
  EXPECT_EQ(cache.find({engine::EntryKind::kProjection, sha256("pool")}), nullptr);
  EXPECT_NE(cache.find({engine::EntryKind::kTiles, sha256("pool")}), nullptr);
}

TEST(BottleneckCache, TheLeastRecentlyUsedLeavesFirst) {
  BottleneckCache cache(120);
  for (const char* name : {"a", "b", "c"}) (void)cache.get(key(name), [] { return entry(10); });
  (void)cache.get(key("a"), [] { return entry(10); });  // b is now the oldest
  const auto big = cache.get(key("d"), [] { return entry(11); });
  EXPECT_EQ(cache.stats().evictions, 2);  // b and c: 44 + 40 + 40 would be 124
  EXPECT_EQ(cache.stats().bytes, 84);
  EXPECT_EQ(cache.stats().entries, 2);
  int made = 0;
  (void)cache.get(key("a"), [&] { return ++made, entry(10); });
  EXPECT_EQ(made, 0);
  (void)cache.get(key("b"), [&] { return ++made, entry(10); });
  EXPECT_EQ(made, 1);
}

TEST(BottleneckCache, WhatIsLargerThanTheBudgetIsUsedButNotKept) {
  BottleneckCache cache(100);
  (void)cache.get(key("small"), [] { return entry(10); });
  const auto large = cache.get(key("large"), [] { return entry(26); });
  EXPECT_EQ(large->bytes(), 104);
  EXPECT_EQ(cache.stats().too_large, 1);
  EXPECT_EQ(cache.stats().entries, 1);  // the small one stayed
  EXPECT_EQ(cache.stats().evictions, 0);
}

TEST(BottleneckCache, EvictedEntriesStayValidForTheirHolders) {
  BottleneckCache cache(40);
  const auto held = cache.get(key("a"), [] { return entry(10); });
  (void)cache.get(key("b"), [] { return entry(10); });
  EXPECT_EQ(cache.stats().evictions, 1);
  EXPECT_EQ(held->projection.row(0)[9], 0.0F);
}

TEST(BottleneckCache, AFailureToMakeLeavesNothingBehind) {
  BottleneckCache cache(40);
  const auto broken = []() -> CacheEntry { fail(ErrorCode::kIo, "no"); };
  expect_error(ErrorCode::kIo, [&] { (void)cache.get(key("a"), broken); });
  EXPECT_EQ(cache.stats().bytes, 0);
  EXPECT_EQ(cache.stats().entries, 0);
}

TEST(EngineCache, EqualMasksShareAnEntryAndPoolsDoNot) {
  const TinyModel model;
  std::mt19937 random(8);
  const ProfileMask mask = random_mask(random, Algebra::kMixture, false);
  const Lease ann = make_lease("ann", random_pool(model, {}, true, 1), mask);
  const Lease bob = make_lease("bob", random_pool(model, {}, true, 1), mask);
  const Lease eve = make_lease("eve", random_pool(model, {}, true, 2), mask);
  const TinyBatch batch(model, {&ann, &bob, &eve, &ann});
  Engine engine(model.info, model.head, {.strategy = Strategy::kComposed});
  (void)run_step(engine, batch.view());
  EXPECT_EQ(engine.cache_stats().entries, 2);
  EXPECT_EQ(engine.cache_stats().misses, 2);
  (void)run_step(engine, batch.view());
  EXPECT_EQ(engine.cache_stats().hits, 2);
  const std::int64_t selected = mask.down.popcount() * kRank;
  EXPECT_EQ(engine.cache_stats().bytes, 2 * 4 * (2 * selected * kHidden + selected));
}

TEST(EngineCache, ManyMasksStayWithinTheBudget) {
  const TinyModel model;
  std::mt19937 random(8);
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  const auto pool = random_pool(model, info);
  const std::int64_t one = 4 * (2 * kRank * kHidden + kRank);
  Engine engine(model.info, model.head,
                {.strategy = Strategy::kComposed, .cache_bytes = 3 * one + 1});
  for (int i = 0; i < 20; ++i) {
    const Lease lease = make_lease("p", pool, random_mask(random, Algebra::kSeparate, false));
    const TinyBatch batch(model, {&lease});
    (void)run_step(engine, batch.view());
    EXPECT_LE(engine.cache_stats().bytes, 3 * one);
  }
  EXPECT_EQ(engine.cache_stats().entries, 3);
  EXPECT_EQ(engine.cache_stats().evictions + 3, engine.cache_stats().misses);
}

TEST(Planner, ChoosesByTheLeaseAndTheOptionsAlone) {
  const TinyModel model;
  std::mt19937 random(8);
  PoolInfo info;
  const ProfileMask mask = random_mask(random, Algebra::kMixture, false, 3);
  const Lease mixture = make_lease("m", random_pool(model, info, false), mask);
  const auto chosen = [&](const Lease& lease, EngineOptions options) {
    return engine::choose_strategy(model.info, options, lease);
  };
  EXPECT_EQ(chosen(mixture, {}), Strategy::kFactored);
  EXPECT_EQ(chosen(mixture, {.expected_rows = 1'000'000}), Strategy::kProjected);
  EXPECT_EQ(chosen(mixture, {.cache_bytes = 1000, .expected_rows = 1'000'000}),
            Strategy::kFactored);
  info.form = Form::kDistribution;
  const Lease distribution = make_lease("d", random_pool(model, info, false), mask);
  EXPECT_EQ(chosen(distribution, {.expected_rows = 1'000'000}), Strategy::kProjected);
  info.algebra = Algebra::kSeparate;
  const Lease separate = make_lease("s", random_pool(model, info, false),
                                    random_mask(random, Algebra::kSeparate, false, 3));
  EXPECT_EQ(chosen(separate, {.expected_rows = 1'000'000}), Strategy::kComposed);
}

TEST(Planner, StrategyNamesGoBothWays) {
  for (const Strategy strategy :
       {Strategy::kAuto, Strategy::kComposed, Strategy::kFactored, Strategy::kProjected}) {
    EXPECT_EQ(parse_strategy(to_string(strategy)), strategy);
  }
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_strategy("fast"); }, "factored");
}

}  // namespace
}  // namespace pema::test
