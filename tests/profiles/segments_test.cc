#include <gtest/gtest.h>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

TEST(SegmentsTest, ASegmentComesBackBitForBit) {
  TinyStore tiny;
  const auto segment = tiny_segment(3, 9);
  const SegmentRecord record = tiny.store.put_segment(*segment, SegmentKind::kShared, "docs");
  EXPECT_EQ(record.bytes, static_cast<std::int64_t>(segment->serialise().size()));
  const auto loaded = tiny.store.load_segment(record.id);
  EXPECT_EQ(loaded->serialise(), segment->serialise());
  const std::optional<SegmentRecord> found = tiny.store.find_segment("docs");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, record.id);
  EXPECT_EQ(found->kind, SegmentKind::kShared);
  EXPECT_EQ(found->info.entries, 9);
  EXPECT_EQ(found->info.vocab, 50);
  EXPECT_EQ(found->info.model, tiny_model().fingerprint);
}

TEST(SegmentsTest, EqualContentIsOneRecord) {
  TinyStore tiny;
  const SegmentRecord own = tiny.store.put_segment(*tiny_segment(1), SegmentKind::kOwn);
  EXPECT_EQ(tiny.store.put_segment(*tiny_segment(1), SegmentKind::kOwn).id, own.id);
  const SegmentRecord shared =
      tiny.store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");
  EXPECT_NE(shared.id, own.id) << "what a person may keep and what everybody reads stay apart";
  EXPECT_EQ(shared.digest, own.digest);
  EXPECT_EQ(tiny.store.segments().size(), 2U);
  EXPECT_EQ(tiny.store.segments(SegmentKind::kShared).size(), 1U);
  EXPECT_EQ(tiny.store.segments(SegmentKind::kOwn)[0].name, "");
}

TEST(SegmentsTest, NamesBelongToOneContent) {
  TinyStore tiny;
  tiny.store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");
  expect_error(
      ErrorCode::kAlreadyExists,
      [&] { tiny.store.put_segment(*tiny_segment(2), SegmentKind::kShared, "docs"); }, "docs");
  expect_error(ErrorCode::kInvalidArgument,
               [&] { tiny.store.put_segment(*tiny_segment(2), SegmentKind::kShared); });
  expect_error(ErrorCode::kInvalidArgument,
               [&] { tiny.store.put_segment(*tiny_segment(2), SegmentKind::kOwn, "mine"); });
  EXPECT_EQ(tiny.store.segments().size(), 1U);
  EXPECT_FALSE(tiny.store.find_segment("mine").has_value());
  EXPECT_FALSE(tiny.store.find_segment(SegmentId{9}).has_value());
}

TEST(SegmentsTest, SegmentsOfAnUnknownModelAreRefused) {
  TinyStore tiny;
  expect_error(ErrorCode::kNotFound,
               [&] { tiny.store.put_segment(*tiny_segment(1, 5, 2), SegmentKind::kOwn); });
  ModelInfo other = tiny_model(3);
  other.vocab = 60;
  tiny.store.put_model(other, "");
  expect_error(ErrorCode::kMismatch,
               [&] { tiny.store.put_segment(*tiny_segment(1, 5, 3), SegmentKind::kOwn); });
  expect_error(ErrorCode::kNotFound,
               [&] { static_cast<void>(tiny.store.load_segment(SegmentId{1})); });
}

TEST(SegmentsTest, OwnSegmentsComeWithTheirProfileOrNotAtAll) {
  TinyStore tiny;
  const PoolId pool = tiny.put_pool().id;
  ProfileDraft draft = draft_of("ada", pool);
  draft.own_segments = {tiny_segment(1), tiny_segment(2)};
  const ProfileRecord ada = tiny.store.put_profile(draft);
  ASSERT_EQ(ada.segments.size(), 2U);
  EXPECT_EQ(tiny.store.find_segment(ada.segments[0])->kind, SegmentKind::kOwn);
  EXPECT_EQ(tiny.store.load_segment(ada.segments[1])->digest(), tiny_segment(2)->digest());

  draft.own_segments = {tiny_segment(1), tiny_segment(3)};
  expect_error(ErrorCode::kAlreadyExists, [&] { tiny.store.put_profile(draft); });
  EXPECT_EQ(tiny.store.segments().size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(tiny.store.object_path(tiny_segment(1)->digest())));
  EXPECT_FALSE(std::filesystem::exists(tiny.store.object_path(tiny_segment(3)->digest())))
      << "a refused person's text stays nowhere";

  EXPECT_EQ(tiny.store.put_profile(draft, OnExisting::kReplace).segments.size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(tiny.store.object_path(tiny_segment(2)->digest())));
  draft.name = "bob";
  draft.own_segments = {nullptr};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { tiny.store.put_profile(draft); }, "null");
  draft.own_segments = {tiny_segment(4), tiny_segment(5, 5, 2)};
  expect_error(ErrorCode::kNotFound, [&] { tiny.store.put_profile(draft); });
  EXPECT_TRUE(tiny.store.remove_profile("ada"));
  EXPECT_TRUE(tiny.store.segments().empty());
  EXPECT_TRUE(tiny.store.verify().empty());
}

TEST(SegmentsTest, StoringAgainRepairsADamagedObject) {
  TinyStore tiny;
  const SegmentRecord record = tiny.store.put_segment(*tiny_segment(1), SegmentKind::kOwn);
  write_bytes(tiny.store.object_path(record.digest), bytes_of("damage"));
  EXPECT_FALSE(tiny.store.verify().empty());
  tiny.store.put_segment(*tiny_segment(1), SegmentKind::kOwn);
  EXPECT_TRUE(tiny.store.verify().empty());
}

}  // namespace
}  // namespace pema::test
