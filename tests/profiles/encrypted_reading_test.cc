// Every way of writing and reading many profiles, over an encrypted store: readers, walks, bulk
// enrolment, indexes. What is refused is refused with words; nothing of a person is written plain.
#include <gtest/gtest.h>

#include <algorithm>

#include "pema/audit.h"
#include "pema/bulk_enrolment.h"
#include "pema/erasure.h"
#include "pema/master_key.h"
#include "pema/profile_reader.h"
#include "profiles/sqlite/database.h"
#include "tests/profiles/store_fixture.h"
#include "tests/support/memory_search.h"

namespace pema::test {
namespace {

std::shared_ptr<const MasterKey> key_of(int number) {
  return MasterKey::from_callback([&](std::span<std::byte> key) {
    std::fill(key.begin(), key.end(), static_cast<std::byte>(number));
  });
}

struct EncryptedReadingTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  Store store = make();
  PoolId pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
  ProfileRecord record;

  Store make() {
    Store made = Store::open(path, OpenMode::kCreate, {.key = key_of(1)});
    made.encrypt();
    made.put_model(tiny_model(), "/models/tiny.gguf");
    return made;
  }
  ProfileDraft draft(const std::string& name, int adapter) {
    ProfileDraft made = draft_of(name, pool);
    made.mask = {};
    made.mask.down_weights.assign(8, 0.0F);
    made.mask.down_weights[static_cast<std::size_t>(adapter)] = 0.625F;
    return made;
  }
  ProfileReader reader(std::int64_t resident = std::int64_t{1} << 20) {
    return ProfileReader::open(path, {.resident_bytes = resident, .key = store.master_key()});
  }
  std::int64_t integer(const std::string& sql) {
    profiles::sqlite::Database database(path + "/registry.db", OpenMode::kReadWrite);
    return database.integer(sql);
  }
  void execute(const std::string& sql) {
    profiles::sqlite::Database database(path + "/registry.db", OpenMode::kReadWrite);
    database.execute(sql);
  }
};

TEST_F(EncryptedReadingTest, AReaderFindsWhatTheStoreFindsAndKeepsItEncrypted) {
  const std::string name = "somebody-with-a-long-name";
  store.put_profile(draft(name, 3));
  for (const std::int64_t resident : {std::int64_t{0}, std::int64_t{1} << 20}) {
    ProfileReader reads = reader(resident);
    for (int round = 0; round < 2; ++round) {
      ASSERT_TRUE(reads.find(name, record));
      EXPECT_EQ(record.name, name);
      EXPECT_EQ(record.mask, draft(name, 3).mask);
      EXPECT_EQ(record.pool, pool);
      ASSERT_TRUE(reads.find(ProfileId{1}, record));
      EXPECT_EQ(record.name, "") << "as in a plain store";
      EXPECT_EQ(record.mask, draft(name, 3).mask);
    }
    EXPECT_FALSE(reads.find("nobody", record));
    EXPECT_EQ(reads.stats().hits, resident > 0 ? 3 : 0);
    EXPECT_EQ(reads.preload(), resident > 0 ? 1 : 0);
  }
  ProfileReader locked = ProfileReader::open(path);
  expect_error(
      ErrorCode::kLocked, [&] { static_cast<void>(locked.find(name, record)); }, "--key-file");
  expect_error(ErrorCode::kLocked, [&] { static_cast<void>(locked.find(ProfileId{1}, record)); });
}

TEST_F(EncryptedReadingTest, AnErasedPersonIsGoneFromAReaderThatHasHerResident) {
  store.put_profile(draft("ada", 1));
  store.put_profile(draft("bob", 2));
  ProfileReader reads = reader();
  ASSERT_TRUE(reads.find("ada", record));
  const ProfileId id = record.id;
  ASSERT_TRUE(reads.find("bob", record));
  reads.release();
  EXPECT_TRUE(store.erase_profile("ada", {}).complete());
  EXPECT_FALSE(reads.find("ada", record));
  EXPECT_FALSE(reads.find(id, record));
  EXPECT_TRUE(reads.find("bob", record));
}

TEST_F(EncryptedReadingTest, WalksAndUsersSayTheSameAsInAPlainStore) {
  for (int i = 0; i < 6; ++i) store.put_profile(draft("person " + std::to_string(i), i % 3));
  const std::vector<ProfileRecord> page = store.profiles_by_number(ProfileId{2}, 3);
  ASSERT_EQ(page.size(), 3U);
  EXPECT_EQ(page[0].id, ProfileId{3});
  EXPECT_EQ(page[0].mask, draft("", 2).mask);
  std::int64_t seen = 0;
  store.visit_profiles(pool, [&](std::span<const ProfileRecord> block) {
    seen += std::ssize(block);
    return true;
  });
  EXPECT_EQ(seen, 6);
  EXPECT_EQ(store.profile_names(std::vector{ProfileId{2}, ProfileId{99}}),
            (std::vector<std::string>{"person 1", ""}));
  PoolUsers users = store.pool_users(pool, {}, {}, 10);
  std::sort(users.names.begin(), users.names.end());
  EXPECT_EQ(users.profiles, 6);
  EXPECT_EQ(users.names.front(), "person 0");
  EXPECT_EQ(users.names.back(), "person 5");
  users = store.pool_users(pool, 1, {}, 10);
  std::sort(users.names.begin(), users.names.end());
  EXPECT_EQ(users.names, (std::vector<std::string>{"person 1", "person 4"}));
  const std::string first = store.pool_users(pool, {}, {}, 1).names[0];
  EXPECT_EQ(store.pool_users(pool, {}, first, 10).names.size(), 5U) << "the page after it";
  Store locked = Store::open(path, OpenMode::kReadOnly);
  expect_error(ErrorCode::kLocked, [&] { static_cast<void>(locked.profiles_by_number({}, 5)); });
  expect_error(ErrorCode::kLocked,
               [&] { static_cast<void>(locked.profile_names(std::vector{ProfileId{1}})); });
}

TEST_F(EncryptedReadingTest, BulkEnrolmentSealsWhatItWritesAndIsInTheAuditLog) {
  const std::string name = "somebody-with-a-long-name";
  ProfileDraft with_segment = draft(name, 3);
  with_segment.own_segments = {tiny_segment(5, 3000)};
  {
    BulkEnrolment bulk(store, {.on_existing = OnExisting::kReplace});
    bulk.add(with_segment);
    bulk.add(draft("bob", 1));
    bulk.add(draft("bob", 2));
    bulk.commit();
    EXPECT_EQ(bulk.acknowledged(), 3);
    bulk.add(draft(name + "!", 4));
    bulk.commit();
  }
  EXPECT_EQ(store.find_profile(name)->mask, with_segment.mask);
  EXPECT_EQ(store.find_profile("bob")->mask, draft("bob", 2).mask);
  EXPECT_EQ(store.profile_count(), 3);
  const std::vector<AuditEvent> events = store.audit();
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(events[events.size() - 2].kind, AuditKind::kEnrolled);
  EXPECT_EQ(events[events.size() - 2].count, 3);
  EXPECT_EQ(found_in_files(path, masked(name.data(), name.size())), std::nullopt);
  EXPECT_EQ(found_in_files(path, masked(with_segment.mask.down_weights.data(), 32)), std::nullopt);
  EXPECT_EQ(found_in_files(path, masked(tiny_segment(5, 3000)->tokens().data(), 400)),
            std::nullopt);
  EXPECT_TRUE(store.verify(VerifyDepth::kFull).empty());
  Store locked = Store::open(path, OpenMode::kReadWrite);
  BulkEnrolment bulk(locked, {});
  expect_error(ErrorCode::kLocked, [&] { bulk.add(draft("cyd", 1)); });
}

TEST_F(EncryptedReadingTest, WhatPeopleHaveInCommonSaysNothingButTheirPool) {
  const SegmentId shared = store.put_segment(*tiny_segment(9), SegmentKind::kShared, "docs").id;
  ProfileDraft one = draft("ada", 1);
  one.segments = {shared};
  one.schedule.length = 777;
  store.put_profile(one);
  store.put_profile(draft("bob", 2));
  EXPECT_EQ(integer("SELECT count(*) FROM setting"), 1);
  EXPECT_EQ(integer("SELECT count(*) FROM setting WHERE schedule IS NOT NULL"), 0);
  EXPECT_EQ(store.find_profile("ada")->segments, one.segments);
  EXPECT_EQ(store.find_profile("ada")->schedule.length, 777);
  one.segments = {};
  store.put_profile(one, OnExisting::kReplace);
  EXPECT_EQ(integer("SELECT readers FROM segment"), 0);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(EncryptedReadingTest, NamesCannotBeExchanged) {
  store.put_profile(draft("ada", 1));
  store.put_profile(draft("bob", 2));
  execute("UPDATE profile_name SET profile = 3 - profile");
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(store.find_profile("ada")); }, "another one's");
  ProfileReader reads = reader();
  expect_error(ErrorCode::kCorrupt, [&] { static_cast<void>(reads.find("ada", record)); });
  EXPECT_FALSE(store.verify().empty());
}

TEST_F(EncryptedReadingTest, AnIndexOverPeoplesOwnSegmentsIsRefused) {
  ProfileDraft ada = draft("ada", 1);
  ada.own_segments = {tiny_segment(5, 300)};
  ada.segments = {store.put_segment(*tiny_segment(9, 300), SegmentKind::kShared, "docs").id};
  store.put_profile(ada);
  expect_error(
      ErrorCode::kUnsupported,
      [&] {
        static_cast<void>(
            store.build_index({.name = "all", .scope = IndexScope::kEverybody}, {.threads = 1}));
      },
      "not encrypted");
  const RecallIndexDraft shared{"docs", IndexScope::kSegments, ada.segments, {}, 1.0};
  EXPECT_EQ(store.build_index(shared, {.threads = 1}).record.segments, 1);
  EXPECT_TRUE(store.erase_profile("ada", {}).complete());
  EXPECT_EQ(store.indexes().size(), 1U) << "nothing of her is in it";
}

}  // namespace
}  // namespace pema::test
