#include "pema/bulk_enrolment.h"

#include <gtest/gtest.h>

#include <csignal>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct BulkEnrolmentTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;
  SegmentId docs = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs").id;

  ProfileDraft draft(int i) {
    ProfileDraft made = draft_of(message("p", 7919 * i % 1000), pool);
    made.schedule.lambda_max = (i % 10'001) / 1e4;
    if (i % 3 == 0) made.segments = {docs};
    return made;
  }
};

TEST_F(BulkEnrolmentTest, WritesTheSameProfilesAsOneByOne) {
  TinyStore other;
  other.put_pool();
  other.store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");
  BulkEnrolment bulk(store, {.buffer_bytes = 20'000});
  for (int i = 0; i < 1000; ++i) {
    bulk.add(draft(i));
    other.store.put_profile(draft(i));
  }
  EXPECT_GT(bulk.acknowledged(), 0) << "the buffer is full after some";
  EXPECT_EQ(bulk.acknowledged() + bulk.waiting(), 1000);
  EXPECT_EQ(store.profile_count(), bulk.acknowledged());
  bulk.commit();
  EXPECT_EQ(bulk.acknowledged(), 1000);
  EXPECT_EQ(bulk.waiting(), 0);
  const std::vector<ProfileRecord> written = store.profiles({}, 1000);
  const std::vector<ProfileRecord> expected = other.store.profiles({}, 1000);
  ASSERT_EQ(written.size(), 1000U);
  for (std::size_t i = 0; i < written.size(); ++i) {
    EXPECT_EQ(written[i].name, expected[i].name);
    EXPECT_EQ(written[i].generation, 1);
    EXPECT_EQ(written[i].mask, expected[i].mask);
    EXPECT_EQ(written[i].schedule, expected[i].schedule);
    EXPECT_EQ(written[i].segments, expected[i].segments);
  }
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(BulkEnrolmentTest, ATakenNameStoresNothingOfItsTransaction) {
  store.put_profile(draft(500));
  BulkEnrolment bulk(store, {.buffer_bytes = 50'000});
  expect_error(
      ErrorCode::kAlreadyExists,
      [&] {
        for (int i = 0; i < 1000; ++i) bulk.add(draft(i));
        bulk.commit();
      },
      draft(500).name);
  EXPECT_EQ(bulk.waiting(), 0);
  EXPECT_EQ(store.profile_count(), bulk.acknowledged() + 1);
  EXPECT_TRUE(store.verify().empty());
  bulk.add(draft(999));
  bulk.commit();
  EXPECT_EQ(store.profile_count(), bulk.acknowledged() + 1);
}

TEST_F(BulkEnrolmentTest, ABadDraftIsLeftOutAlone) {
  BulkEnrolment bulk(store);
  bulk.add(draft(1));
  ProfileDraft bad = draft(2);
  bad.schedule.lambda_max = 2;
  expect_error(ErrorCode::kInvalidArgument, [&] { bulk.add(bad); });
  bad = draft(3);
  bad.segments = {SegmentId{77}};
  expect_error(
      ErrorCode::kNotFound, [&] { bulk.add(bad); }, "segment 77");
  bulk.add(draft(4));
  bulk.commit();
  EXPECT_EQ(bulk.acknowledged(), 2);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(BulkEnrolmentTest, OfOneNameTheLastDraftWinsWithOrWithoutOwnSegments) {
  for (const bool own_last : {false, true}) {
    BulkEnrolment bulk(store, {.on_existing = OnExisting::kReplace});
    ProfileDraft plain = draft_of("ada", pool);
    ProfileDraft own = draft_of("ada", pool);
    own.own_segments = {tiny_segment(5)};
    bulk.add(own_last ? plain : own);
    bulk.add(own_last ? own : plain);
    bulk.commit();
    EXPECT_EQ(bulk.acknowledged(), 2);
    EXPECT_EQ(store.find_profile("ada")->segments.size(), own_last ? 1U : 0U);
    EXPECT_EQ(store.find_profile("ada")->generation, own_last ? 4 : 2);
    EXPECT_EQ(store.segments(SegmentKind::kOwn).size(), own_last ? 1U : 0U);
    EXPECT_TRUE(store.verify().empty());
  }
}

TEST_F(BulkEnrolmentTest, ASegmentThatWentBeforeTheCommitIsTold) {
  const SegmentId own = store.put_segment(*tiny_segment(6), SegmentKind::kOwn).id;
  store.put_profile(draft_of("bob", pool, {own}));
  BulkEnrolment bulk(store);
  bulk.add(draft_of("ada", pool, {own}));
  store.remove_profile("bob");  // its last reader
  expect_error(
      ErrorCode::kNotFound, [&] { bulk.commit(); }, message("segment ", own.value));
  EXPECT_EQ(store.profile_count(), 0);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(BulkEnrolmentTest, ASettingThatWentBeforeTheCommitIsMadeAgain) {
  store.put_profile(draft_of("bob", pool));
  BulkEnrolment bulk(store);
  bulk.add(draft_of("cat", pool));
  bulk.commit();
  store.remove_profile("bob");
  bulk.add(draft_of("ada", pool));
  store.remove_profile("cat");  // the setting's last profile
  bulk.commit();
  EXPECT_EQ(store.find_profile("ada")->schedule, draft_of("ada", pool).schedule);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(BulkEnrolmentTest, ASettingOfATransactionThatFailedIsNotBelieved) {
  ProfileDraft curved = draft_of("ada", pool);
  curved.schedule.length = 77;  // needs a setting of its own
  BulkEnrolment bulk(store);
  store.put_profile(draft_of("bob", pool));
  bulk.add(curved);
  bulk.add(draft_of("bob", pool));
  expect_error(ErrorCode::kAlreadyExists, [&] { bulk.commit(); });
  // Takes the number that the failed transaction gave out.
  ProfileDraft other = draft_of("cat", pool);
  other.schedule.length = 99;
  store.put_profile(other);
  bulk.add(curved);
  bulk.commit();
  EXPECT_EQ(store.find_profile("ada")->schedule.length, 77);
  EXPECT_EQ(store.find_profile("cat")->schedule.length, 99);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(BulkEnrolmentTest, WhatWasAcknowledgedOutlivesAKilledProcess) {
  TemporaryFolder folder;
  const std::string path = folder.file("store");
  {
    Store made = Store::open(path, OpenMode::kCreate, new_store());
    made.put_model(tiny_model(), "");
    made.put_pool("main", tiny_pool({tiny_block(1)}));
  }
  const pid_t child = in_child([&] {
    Store mine = Store::open(path, OpenMode::kReadWrite);
    BulkEnrolment bulk(mine, {.buffer_bytes = 30'000});
    for (int i = 0; bulk.acknowledged() == 0 || bulk.waiting() < 10; ++i) {
      bulk.add(draft_of(message("p", i), PoolId{1}));
    }
    write_bytes(folder.file("acknowledged"), bytes_of(std::to_string(bulk.acknowledged())));
    ::raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(status_of(child), -1);
  const std::vector<std::byte> told = read_bytes(folder.file("acknowledged"));
  const std::string text(reinterpret_cast<const char*>(told.data()), told.size());
  const Store left = Store::open(path, OpenMode::kReadWrite);
  EXPECT_EQ(std::to_string(left.profile_count()), text);
  EXPECT_TRUE(left.verify().empty());
}

TEST_F(BulkEnrolmentTest, AReadOnlyStoreAndABufferOfNothingAreRefused) {
  Store reading = Store::open(tiny.path, OpenMode::kReadOnly);
  expect_error(ErrorCode::kIo, [&] { BulkEnrolment bulk(reading); });
  expect_error(ErrorCode::kInvalidArgument,
               [&] { BulkEnrolment bulk(store, {.buffer_bytes = 0}); });
}

}  // namespace
}  // namespace pema::test
