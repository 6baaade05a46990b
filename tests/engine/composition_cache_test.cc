// Strategy composed: what the cache keeps of profiles and of the pool's copy, and what a copy
// cannot hold.
#include <gtest/gtest.h>

#include "tests/engine/composition_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

class CompositionCache : public testing::Test {
 protected:
  CacheStats stats_after(EngineOptions options, std::int64_t adapters) {
    options.strategy = Strategy::kComposed;
    std::vector<Lease> leases;
    for (int i = 0; i < 3; ++i) {
      ProfileMask mask;
      mask.down = mask.up = BitMask(kMany);
      for (std::int64_t a = 0; a < adapters; ++a) {
        mask.down.set((a + i) % kMany);
        mask.up.set((a + i) % kMany);
      }
      leases.push_back(make_lease("p", pool, mask));
    }
    const TinyBatch batch(model, pointers(leases));
    Engine engine(model.info, model.head, options);
    (void)run_step(engine, batch.view());
    (void)run_step(engine, batch.view());
    return engine.cache_stats();
  }

  TinyModel model;
  std::shared_ptr<const Pool> pool = large_pool(model, false);
};

TEST_F(CompositionCache, KeepsOneCopyOfThePoolBesideTheProfiles) {
  const CacheStats stats = stats_after({.composition = NumberType::kInt8}, 30);
  EXPECT_EQ(stats.entries, 4);
  EXPECT_EQ(stats.misses, 4);
  EXPECT_EQ(stats.hits, 3);
  const std::int64_t composed = 4 * (2 * kRank * kHidden + kRank);
  const std::int64_t copy = 2 * kMany * 128;  // 72 columns are two tiles of 64
  EXPECT_EQ(stats.bytes, 3 * composed + copy);
}

TEST_F(CompositionCache, FewAdaptersNeedNoCopyInFloat32) {
  EXPECT_EQ(stats_after({}, 9).entries, 3);
  EXPECT_EQ(stats_after({}, 30).entries, 4);
  EXPECT_EQ(stats_after({.composition = NumberType::kFloat16}, 9).entries, 4);
}

TEST_F(CompositionCache, APoolThatWouldFillTheCacheIsNotCopiedInFloat32) {
  const std::int64_t copy = 2 * kMany * 4 * 96;  // 72 columns are three tiles of 32
  EXPECT_EQ(stats_after({.cache_bytes = 2 * copy}, 30).entries, 4);
  EXPECT_EQ(stats_after({.cache_bytes = 2 * copy - 1}, 30).entries, 3);
}

TEST(CompositionTypes, WhatFloat16CannotHoldIsRefused) {
  const TinyModel model;
  std::mt19937 random(4);
  Matrix<float> down = random_matrix(random, kRank, kHidden);
  down.row(1)[2] = 1e5F;
  const Matrix<float> up = random_matrix(random, kRank, kHidden);
  const std::vector<float> scale{1};
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  info.model = model.info.fingerprint;
  const auto pool = std::make_shared<const Pool>(
      info, nullptr, std::vector{AdapterBlock::make(1, kRank, down.view(), up.view(), scale)});
  ProfileMask mask;
  mask.down = mask.up = BitMask(1);
  mask.down.set(0);
  mask.up.set(0);
  const Lease lease = make_lease("p", pool, mask);
  const TinyBatch batch(model, {&lease});
  Engine engine(model.info, model.head,
                {.strategy = Strategy::kComposed, .composition = NumberType::kFloat16});
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)run_step(engine, batch.view()); }, "float16");
}

}  // namespace
}  // namespace pema::test
