// Old pool versions go when nobody needs them and not before; retired adapters are not chosen
// again.
#include <gtest/gtest.h>

#include "pema/audit.h"
#include "pema/bulk_enrolment.h"
#include "pema/operating.h"
#include "profiles/object_folder.h"
#include "profiles/sqlite/database.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct PoolUpkeepTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolRecord first = tiny.put_pool();
  PoolRecord second = store.put_pool("main", tiny_pool({tiny_block(3), tiny_block(2)}));
  PoolRecord third = store.put_pool("main", tiny_pool({tiny_block(3), tiny_block(4)}));

  bool there(const Digest& object) { return std::filesystem::exists(store.object_path(object)); }
  std::vector<std::int64_t> versions() {
    std::vector<std::int64_t> found;
    for (const PoolRecord& pool : store.pools()) found.push_back(pool.version);
    return found;
  }
  static std::vector<std::int64_t> versions(const PoolCollection& collection) {
    std::vector<std::int64_t> found;
    for (const PoolRecord& pool : collection.versions) found.push_back(pool.version);
    return found;
  }
};

using Versions = std::vector<std::int64_t>;

TEST_F(PoolUpkeepTest, VersionsThatNobodyNamesGoAndTheirFilesToo) {
  store.put_profile(draft_of("ada", first.id));
  const PoolCollection dry = store.collect_pools(true);
  EXPECT_EQ(versions(dry), Versions({2}));
  EXPECT_EQ(dry.objects, std::vector<Digest>{tiny_block(2)->digest()})
      << "the other block and the shared adapter are of versions that stay";
  EXPECT_EQ(dry.bytes, std::ssize(tiny_block(2)->serialise()));
  EXPECT_EQ(versions(), Versions({1, 2, 3})) << "a dry run changes nothing";
  EXPECT_TRUE(there(tiny_block(2)->digest()));

  const PoolCollection gone = store.collect_pools(false);
  EXPECT_EQ(versions(gone), Versions({2}));
  EXPECT_EQ(gone.objects, dry.objects);
  EXPECT_EQ(versions(), Versions({1, 3}));
  EXPECT_FALSE(there(tiny_block(2)->digest()));
  EXPECT_TRUE(there(tiny_block(1)->digest()));
  EXPECT_TRUE(there(tiny_block(3)->digest()));
  EXPECT_EQ(store.audit().back().kind, AuditKind::kCollected);
  EXPECT_EQ(store.load_pool(first.id)->digest(), first.digest);
  EXPECT_EQ(store.load_pool(third.id)->digest(), third.digest);
  EXPECT_TRUE(store.verify().empty());

  store.remove_profile("ada");
  EXPECT_EQ(versions(store.collect_pools(false)), Versions({1}));
  EXPECT_TRUE(store.collect_pools(false).versions.empty()) << "the newest stays, used or not";
  EXPECT_EQ(store.put_pool("main", tiny_pool({tiny_block(1)})).version, 4);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(PoolUpkeepTest, ADryRunNeedsNoRightToWrite) {
  const Store reader = Store::open(tiny.path, OpenMode::kReadOnly);
  EXPECT_EQ(versions(const_cast<Store&>(reader).collect_pools(true)), Versions({1, 2}));
  Store enrolling = Store::open(tiny.path, OpenMode::kReadWrite, {.role = Role::kEnrol});
  expect_error(ErrorCode::kPermission, [&] { static_cast<void>(enrolling.collect_pools(false)); });
  EXPECT_EQ(versions(), Versions({1, 2, 3}));
}

TEST_F(PoolUpkeepTest, APoolInMemoryOutlivesItsFile) {
  const auto mapped = store.load_pool(second.id);
  static_cast<void>(store.collect_pools(false));
  EXPECT_EQ(mapped->blocks()[1]->serialise(), tiny_block(2)->serialise());
  expect_error(ErrorCode::kNotFound, [&] { static_cast<void>(store.load_pool(second.id)); });
}

TEST_F(PoolUpkeepTest, DraftsOverACollectedVersionAreRefused) {
  BulkEnrolment bulk(store);
  bulk.add(draft_of("ada", second.id));
  Store other = Store::open(tiny.path, OpenMode::kReadWrite);
  static_cast<void>(other.collect_pools(false));
  expect_error(
      ErrorCode::kNotFound, [&] { bulk.commit(); }, "was removed");
  bulk.add(draft_of("ada", third.id));
  bulk.commit();
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(PoolUpkeepTest, WhatABackupCopiesStaysUntilItIsDone) {
  static_cast<void>(store.collect_pools(false));
  const profiles::DeletionLock copying(tiny.path + "/objects", profiles::DeletionLock::Kind::kHold);
  const PoolRecord fourth = store.put_pool("main", tiny_pool({tiny_block(9)}));
  static_cast<void>(fourth);
  static_cast<void>(store.collect_pools(false));
  EXPECT_TRUE(there(tiny_block(4)->digest())) << "doomed, and still there";
}

TEST_F(PoolUpkeepTest, NewMasksMayNotSelectARetiredAdapter) {
  store.put_profile(draft_of("ada", first.id));
  EXPECT_EQ(store.retire_adapter(first.id, 6), 1);
  EXPECT_EQ(store.retire_adapter(first.id, 6), 0);
  EXPECT_EQ(store.find_pool(first.id)->retired.indices(), Versions({6}));
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(draft_of("bob", first.id)); },
      "adapter 6 of pool 'main'");
  BulkEnrolment bulk(store);
  bulk.add(draft_of("bob", first.id));
  expect_error(
      ErrorCode::kInvalidArgument, [&] { bulk.commit(); }, "retired");
  EXPECT_FALSE(store.find_profile("bob").has_value());
  ProfileDraft other = draft_of("bob", first.id);
  other.mask.down = BitMask::from_indices(8, Versions{1, 5});
  store.put_profile(other);
  // Who has it keeps it, and may be written again; who has it not, may not get it.
  ProfileDraft ada = draft_of("ada", first.id);
  ada.schedule.lambda_max = 0.5;
  EXPECT_EQ(store.put_profile(ada, OnExisting::kReplace).generation, 2);
  expect_error(ErrorCode::kInvalidArgument,
               [&] { store.put_profile(draft_of("bob", first.id), OnExisting::kReplace); });
  EXPECT_EQ(store.find_profile("bob")->mask, other.mask);
  EXPECT_EQ(store.pool_users(first.id, 6).names, std::vector<std::string>{"ada"});
  EXPECT_EQ(store.retire_adapter(first.id, 6, false), 1);
  store.put_profile(draft_of("eve", first.id));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(PoolUpkeepTest, SoftMasksAndUpSidesCountToo) {
  const PoolRecord pool = store.put_pool("two", tiny_pool({tiny_block(1)}, Algebra::kSeparate));
  store.retire_adapter(pool.id, 2);
  ProfileDraft draft = draft_of("ada", pool.id);
  draft.mask.up = BitMask::from_indices(8, Versions{2});
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(draft); }, "adapter 2");
  draft.mask = {};
  draft.mask.down_weights.assign(8, 0.0F);
  draft.mask.up_weights.assign(8, 0.0F);
  store.put_profile(draft);
  draft.mask.down_weights[2] = 1e-20F;
  expect_error(ErrorCode::kInvalidArgument,
               [&] { store.put_profile(draft, OnExisting::kReplace); });
}

TEST_F(PoolUpkeepTest, VersionsWithTheSameAdapterShareItsRetirement) {
  EXPECT_EQ(store.retire_adapter(second.id, 3), 2) << "in 2 and 3, not in 1";
  EXPECT_TRUE(store.find_pool(first.id)->retired.none());
  const PoolRecord fourth =
      store.put_pool("main", tiny_pool({tiny_block(3), tiny_block(4), tiny_block(5)}));
  EXPECT_EQ(fourth.retired.indices(), Versions({3})) << "what grows keeps it";
  const PoolRecord fifth = store.put_pool("main", tiny_pool({tiny_block(7)}));
  EXPECT_TRUE(fifth.retired.none()) << "adapter 3 is another one there";
  expect_error(ErrorCode::kInvalidArgument, [&] { store.retire_adapter(first.id, 8); });
  expect_error(ErrorCode::kInvalidArgument, [&] { store.retire_adapter(first.id, -1); });
  expect_error(ErrorCode::kNotFound, [&] { store.retire_adapter(PoolId{99}, 0); });
}

TEST_F(PoolUpkeepTest, DamagedTombstonesAreToldByVerify) {
  store.retire_adapter(first.id, 6);
  const std::vector<std::byte> bad(2, std::byte{0xff});
  tables_of(tiny.path)->query("UPDATE pool SET retired = ?1 WHERE id = 1")->bind(1, bad).run();
  EXPECT_FALSE(store.verify(VerifyDepth::kQuick).empty());
  expect_error(ErrorCode::kCorrupt, [&] { static_cast<void>(store.find_pool(first.id)); });
}

}  // namespace
}  // namespace pema::test
