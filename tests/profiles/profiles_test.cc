#include <gtest/gtest.h>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct ProfilesTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;

  SegmentId own(std::uint64_t seed) {
    return store.put_segment(*tiny_segment(seed), SegmentKind::kOwn).id;
  }
};

TEST_F(ProfilesTest, AProfileComesBackAsItWasDrafted) {
  const SegmentId a = own(1);
  const SegmentId b = own(2);
  ProfileDraft draft = draft_of("ada", pool, {b, a, b});
  draft.schedule.lambda_max = 0.123456;
  const ProfileRecord put = store.put_profile(draft);
  EXPECT_EQ(put.generation, 1);
  EXPECT_EQ(put.schedule.lambda_max, 0.1235);
  EXPECT_EQ(put.segments, (std::vector<SegmentId>{a, b}));

  const Store reopened = Store::open(tiny.path, OpenMode::kReadOnly);
  const std::optional<ProfileRecord> found = reopened.find_profile("ada");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, put.id);
  EXPECT_EQ(found->mask, draft.mask);
  EXPECT_EQ(found->schedule, draft.schedule.quantised());
  EXPECT_EQ(found->pool, pool);
  EXPECT_EQ(found->segments, put.segments);
  EXPECT_FALSE(reopened.find_profile("bob").has_value());
}

TEST_F(ProfilesTest, AProfileNeedsNeitherPoolNorMask) {
  ProfileDraft plain;
  plain.name = "plain";
  const ProfileRecord record = store.put_profile(plain);
  EXPECT_FALSE(record.pool);
  EXPECT_EQ(record.mask, ProfileMask{});
  plain.name = "shared only";
  plain.pool = pool;
  EXPECT_EQ(store.put_profile(plain).mask.size(), 0);
}

TEST_F(ProfilesTest, ATakenNameIsRefusedOrReplaced) {
  store.put_profile(draft_of("ada", pool));
  expect_error(
      ErrorCode::kAlreadyExists, [&] { store.put_profile(draft_of("ada", pool)); }, "ada");
  ProfileDraft next = draft_of("ada", pool);
  next.mask.down = BitMask(8);
  const ProfileRecord replaced = store.put_profile(next, OnExisting::kReplace);
  EXPECT_EQ(replaced.generation, 2);
  EXPECT_TRUE(replaced.mask.none());
  EXPECT_EQ(store.profile_count(), 1);
}

TEST_F(ProfilesTest, GenerationsAndNumbersAreNeverReused) {
  const ProfileRecord first = store.put_profile(draft_of("ada", pool));
  store.put_profile(draft_of("ada", pool), OnExisting::kReplace);
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_FALSE(store.remove_profile("ada"));
  const ProfileRecord again = store.put_profile(draft_of("ada", pool));
  EXPECT_EQ(again.generation, 3);
  EXPECT_GT(again.id, first.id);
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_EQ(store.put_profile(draft_of("ada", pool), OnExisting::kReplace).generation, 4);
  EXPECT_EQ(store.put_profile(draft_of("bob", pool)).generation, 1);
}

TEST_F(ProfilesTest, MasksMustFitTheirPool) {
  ProfileDraft longer = draft_of("ada", pool);
  longer.mask.down = BitMask(9);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(longer); }, "longer");
  ProfileDraft two_sides = draft_of("ada", pool);
  two_sides.mask.up = two_sides.mask.down;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(two_sides); }, "mixture");
  ProfileDraft no_pool = draft_of("ada", PoolId{});
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(no_pool); }, "no pool");

  const PoolId separate =
      store.put_pool("separate", tiny_pool({tiny_block(1)}, Algebra::kSeparate)).id;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(draft_of("ada", separate)); },
      "separate");
  two_sides.pool = separate;
  EXPECT_EQ(store.put_profile(two_sides).mask, two_sides.mask);
}

TEST_F(ProfilesTest, SoftMasksAreKeptExactly) {
  ProfileDraft soft = draft_of("ada", pool);
  soft.mask = {};
  soft.mask.down_weights = {0.1F, -2.0F, 1e-30F, 0.0F, 5.5F, 1.0F, 0.25F, 3.0F};
  EXPECT_EQ(store.put_profile(soft).mask, soft.mask);
  soft.mask.down_weights[3] = std::numeric_limits<float>::quiet_NaN();
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(soft, OnExisting::kReplace); },
      "finite");
}

TEST_F(ProfilesTest, WhatAProfileNamesMustExist) {
  expect_error(
      ErrorCode::kNotFound, [&] { store.put_profile(draft_of("ada", PoolId{9})); }, "pool 9");
  expect_error(
      ErrorCode::kNotFound, [&] { store.put_profile(draft_of("ada", pool, {SegmentId{9}})); },
      "segment 9");
  ProfileDraft bad = draft_of("ada", pool);
  bad.schedule.lambda_max = 1.5;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.put_profile(bad); }, "lambda_max");
  expect_error(ErrorCode::kInvalidArgument, [&] { store.put_profile(draft_of("a\n", pool)); });
  EXPECT_EQ(store.profile_count(), 0);
}

TEST_F(ProfilesTest, ThingsOfTwoModelsAreNotJoined) {
  store.put_model(tiny_model(2), "");
  const SegmentId foreign =
      store.put_segment(*tiny_segment(1, 5, 2), SegmentKind::kShared, "foreign").id;
  expect_error(
      ErrorCode::kMismatch, [&] { store.put_profile(draft_of("ada", pool, {foreign})); },
      tiny_model(2).fingerprint.hex());
}

TEST_F(ProfilesTest, ManyAreWrittenEntirelyOrNotAtAll) {
  std::vector<ProfileDraft> drafts;
  for (int i = 0; i < 50; ++i) drafts.push_back(draft_of(message("p", i), pool));
  drafts.push_back(draft_of("p7", pool));
  expect_error(
      ErrorCode::kAlreadyExists, [&] { store.put_profiles(drafts); }, "p7");
  EXPECT_EQ(store.profile_count(), 0);
  store.put_profiles(drafts, OnExisting::kReplace);
  EXPECT_EQ(store.profile_count(), 50);
  EXPECT_EQ(store.find_profile("p7")->generation, 2);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ProfilesTest, PagesFollowTheOrderOfNames) {
  for (const char* name : {"b", "a", "\xc3\xa9", "ab", "B"}) {
    store.put_profile(draft_of(name, pool));
  }
  std::vector<std::string> names;
  std::string after;
  for (;;) {
    const std::vector<ProfileRecord> page = store.profiles(after, 2);
    if (page.empty()) break;
    for (const ProfileRecord& record : page) names.push_back(record.name);
    after = names.back();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"B", "a", "ab", "b", "\xc3\xa9"}));
  EXPECT_TRUE(store.profiles({}, 0).empty());
  expect_error(ErrorCode::kInvalidArgument, [&] { static_cast<void>(store.profiles({}, -1)); });
}

}  // namespace
}  // namespace pema::test
