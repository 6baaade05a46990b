#include <gtest/gtest.h>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

TEST(ModelsTest, AModelIsRegisteredOnceAndItsPathFollows) {
  TinyStore tiny;
  const ModelRecord first = tiny.store.put_model(tiny_model(), "/a");
  const ModelRecord again = tiny.store.put_model(tiny_model(), "/b");
  EXPECT_EQ(first.id, again.id);
  EXPECT_EQ(again.path, "/b");
  tiny.store.put_model(tiny_model(2), "/c");
  const std::vector<ModelRecord> models = tiny.store.models();
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].path, "/b");
  EXPECT_EQ(models[0].info.fingerprint, tiny_model().fingerprint);
  EXPECT_EQ(models[1].info.name, "tiny-2");
  EXPECT_EQ(models[1].info.vocab, 50);
}

TEST(ModelsTest, ImpossibleModelsAreRefused) {
  TinyStore tiny;
  ModelInfo none = tiny_model();
  none.fingerprint = {};
  expect_error(ErrorCode::kInvalidArgument, [&] { tiny.store.put_model(none, ""); });
  ModelInfo wider = tiny_model();
  wider.hidden = 8;
  expect_error(ErrorCode::kMismatch, [&] { tiny.store.put_model(wider, ""); });
  EXPECT_EQ(tiny.store.models().size(), 1U);
}

TEST(PoolsTest, APoolComesBackBitForBit) {
  TinyStore tiny;
  const Pool pool = tiny_pool({tiny_block(1), tiny_block(2, 3)}, Algebra::kSeparate);
  const PoolRecord record = tiny.store.put_pool("main", pool);
  EXPECT_EQ(record.version, 1);
  EXPECT_EQ(record.digest, pool.digest());
  EXPECT_EQ(record.block_objects.size(), 2U);
  EXPECT_EQ(record.shared_object, pool.shared()->digest());

  const Store reopened = Store::open(tiny.path, OpenMode::kReadOnly);
  const std::shared_ptr<const Pool> loaded = reopened.load_pool(record.id);
  EXPECT_EQ(loaded->digest(), pool.digest());
  EXPECT_EQ(loaded->info().adapters, 11);
  EXPECT_EQ(loaded->info().algebra, Algebra::kSeparate);
  EXPECT_EQ(loaded->info().norm, HeadNorm::kNone);
  EXPECT_EQ(loaded->info().mask_scale, 0.1);
  EXPECT_EQ(loaded->info().recipe, R"({"epochs": 8})");
  EXPECT_EQ(loaded->blocks()[1]->serialise(), pool.blocks()[1]->serialise());
}

TEST(PoolsTest, EqualContentIsTheSameVersionAndGrowthIsTheNext) {
  TinyStore tiny;
  const PoolRecord first = tiny.put_pool();
  EXPECT_EQ(tiny.put_pool().id, first.id);
  const PoolRecord second = tiny.store.put_pool("main", tiny_pool({tiny_block(1), tiny_block(2)}));
  EXPECT_EQ(second.version, 2);
  EXPECT_EQ(second.block_objects[0], first.block_objects[0]);
  EXPECT_EQ(tiny.store.pools().size(), 2U);
  EXPECT_EQ(tiny.store.find_pool("main")->id, second.id);
  EXPECT_EQ(tiny.store.find_pool("main", 1)->id, first.id);
  EXPECT_FALSE(tiny.store.find_pool("main", 3).has_value());
  EXPECT_FALSE(tiny.store.find_pool("other").has_value());
  EXPECT_FALSE(tiny.store.find_pool(PoolId{77}).has_value());
}

TEST(PoolsTest, AMaskOfAnOlderVersionIsValidOverANewerOne) {
  TinyStore tiny;
  tiny.put_pool();
  const PoolRecord grown = tiny.store.put_pool("main", tiny_pool({tiny_block(1), tiny_block(2)}));
  tiny.store.put_profile(draft_of("ada", grown.id));
  EXPECT_EQ(tiny.store.find_profile("ada")->mask.size(), 8);
}

TEST(PoolsTest, PoolsWithoutARegisteredModelAreRefused) {
  TinyStore tiny;
  const Pool foreign = tiny_pool({tiny_block(5)}, Algebra::kMixture, 2);
  expect_error(
      ErrorCode::kNotFound, [&] { tiny.store.put_pool("main", foreign); },
      tiny_model(2).fingerprint.hex());
  EXPECT_TRUE(tiny.store.pools().empty());
  EXPECT_FALSE(std::filesystem::exists(tiny.store.object_path(foreign.blocks()[0]->digest())));
}

TEST(PoolsTest, PoolsOfAnotherWidthAreRefused) {
  TinyStore tiny;
  ModelInfo wide = tiny_model(3);
  wide.hidden = 8;
  tiny.store.put_model(wide, "");
  expect_error(ErrorCode::kMismatch, [&] {
    tiny.store.put_pool("main", tiny_pool({tiny_block(1)}, Algebra::kMixture, 3));
  });
}

TEST(PoolsTest, UnknownPoolsAreNotLoaded) {
  TinyStore tiny;
  expect_error(ErrorCode::kNotFound, [&] { static_cast<void>(tiny.store.load_pool(PoolId{9})); });
}

}  // namespace
}  // namespace pema::test
