#include "profiles/bundle.h"

#include <gtest/gtest.h>

#include "src/core/object_file.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

using profiles::Bundle;

Bundle small_bundle() {
  Bundle bundle;
  bundle.model = tiny_model();
  bundle.profile = "ada";
  bundle.mask.down = BitMask::from_indices(8, std::vector<std::int64_t>{1, 6});
  bundle.schedule.lambda_own = 0.25;
  bundle.pool_name = "main";
  const Pool pool = tiny_pool({tiny_block(1)});
  bundle.pool =
      std::make_shared<const Pool>(pool.info(), pool.shared_block(),
                                   std::vector<std::shared_ptr<const AdapterBlock>>{tiny_block(1)},
                                   std::make_shared<const MixtureGate>());
  bundle.segments.push_back({tiny_segment(1), SegmentKind::kOwn, ""});
  bundle.segments.push_back({tiny_segment(2), SegmentKind::kShared, "docs"});
  return bundle;
}

TEST(BundleTest, ABundleRoundTrips) {
  const Bundle bundle = small_bundle();
  const std::vector<std::byte> bytes = profiles::encode_bundle(bundle);
  const Bundle read = profiles::decode_bundle(bytes, "test");
  EXPECT_EQ(read.model.fingerprint, bundle.model.fingerprint);
  EXPECT_EQ(read.model.name, "tiny-1");
  EXPECT_EQ(read.model.architecture, "llama");
  EXPECT_EQ(read.model.vocab, 50);
  EXPECT_EQ(read.profile, "ada");
  EXPECT_EQ(read.mask, bundle.mask);
  EXPECT_EQ(read.schedule, bundle.schedule);
  EXPECT_EQ(read.pool_name, "main");
  EXPECT_EQ(read.pool->digest(), bundle.pool->digest());
  EXPECT_EQ(read.pool->info().recipe, bundle.pool->info().recipe);
  EXPECT_EQ(read.pool->info().norm, HeadNorm::kNone);
  ASSERT_EQ(read.segments.size(), 2U);
  EXPECT_EQ(read.segments[0].kind, SegmentKind::kOwn);
  EXPECT_EQ(read.segments[1].name, "docs");
  EXPECT_EQ(read.segments[1].segment->digest(), tiny_segment(2)->digest());
  EXPECT_EQ(profiles::encode_bundle(read), bytes);
}

TEST(BundleTest, AProfileWithoutPoolOrSegmentsRoundTrips) {
  Bundle bundle;
  bundle.profile = "plain";
  const Bundle read = profiles::decode_bundle(profiles::encode_bundle(bundle), "test");
  EXPECT_EQ(read.profile, "plain");
  EXPECT_EQ(read.pool, nullptr);
}

TEST(BundleTest, ListsRoundTripAndNothingIsAppendedToWhatCannotGrow) {
  Bundle bundle = small_bundle();
  const std::vector<std::byte> without = profiles::encode_bundle(bundle);
  bundle.segments.push_back({tiny_segment(3), SegmentKind::kShared, "docs", true});
  bundle.segments.push_back({tiny_segment(4), SegmentKind::kShared, "plans"});
  std::vector<std::byte> bytes = profiles::encode_bundle(bundle);
  EXPECT_FALSE(core::claims_kind(bytes, core::ObjectKind::kBundle)) << "older builds refuse it";
  EXPECT_TRUE(core::claims_kind(without, core::ObjectKind::kBundle));
  const Bundle read = profiles::decode_bundle(bytes, "test");
  ASSERT_EQ(read.segments.size(), 4U);
  EXPECT_TRUE(read.segments[2].appended);
  EXPECT_EQ(read.segments[2].name, "docs");
  EXPECT_FALSE(read.segments[3].appended);
  EXPECT_EQ(profiles::encode_bundle(read), bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{1};
    EXPECT_TRUE(error_of([&] { static_cast<void>(profiles::decode_bundle(bytes, "b")); }));
    bytes[i] ^= std::byte{1};
  }
  const auto refuse = [](Bundle bad, const std::string& words) {
    expect_error(
        ErrorCode::kCorrupt,
        [&] { static_cast<void>(profiles::decode_bundle(profiles::encode_bundle(bad), "b")); },
        words);
  };
  Bundle own = small_bundle();
  own.segments[1] = {tiny_segment(2), SegmentKind::kShared, "docs", true};
  refuse(own, "appended to nothing");
  Bundle twice = small_bundle();
  twice.segments.push_back({tiny_segment(2), SegmentKind::kShared, "docs", true});
  refuse(twice, "twice");
}

TEST(BundleTest, OneFlippedByteAnywhereIsRefused) {
  std::vector<std::byte> bytes = profiles::encode_bundle(small_bundle());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
      bytes[i] ^= flip;
      const std::optional<Error> error =
          error_of([&] { static_cast<void>(profiles::decode_bundle(bytes, "ada.pema")); });
      ASSERT_TRUE(error.has_value()) << "byte " << i;
      EXPECT_TRUE(error->code() == ErrorCode::kCorrupt || error->code() == ErrorCode::kUnsupported)
          << error->what();
      bytes[i] ^= flip;
    }
  }
  EXPECT_NO_THROW(static_cast<void>(profiles::decode_bundle(bytes, "ada.pema")));
}

TEST(BundleTest, EveryOtherLengthIsRefused) {
  std::vector<std::byte> bytes = profiles::encode_bundle(small_bundle());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    expect_error(
        ErrorCode::kCorrupt,
        [&] {
          static_cast<void>(profiles::decode_bundle(std::span(bytes).first(size), "ada.pema"));
        },
        "ada.pema");
  }
  bytes.resize(bytes.size() + 64);
  expect_error(ErrorCode::kCorrupt,
               [&] { static_cast<void>(profiles::decode_bundle(bytes, "ada.pema")); });
}

TEST(BundleTest, ContradictionsUnderGoodChecksumsAreRefused) {
  const auto expect_refused = [](const Bundle& bundle) {
    expect_error(ErrorCode::kCorrupt, [&] {
      static_cast<void>(profiles::decode_bundle(profiles::encode_bundle(bundle), "test"));
    });
  };
  Bundle foreign_segment = small_bundle();
  foreign_segment.segments.push_back({tiny_segment(1, 5, 2), SegmentKind::kOwn, ""});
  expect_refused(foreign_segment);
  Bundle foreign_model = small_bundle();
  foreign_model.model = tiny_model(2);
  expect_refused(foreign_model);
  Bundle long_mask = small_bundle();
  long_mask.mask.down = BitMask(9);
  expect_refused(long_mask);
  Bundle no_pool = small_bundle();
  no_pool.pool = nullptr;
  expect_refused(no_pool);
  Bundle bad_name = small_bundle();
  bad_name.profile = "a\nb";
  expect_refused(bad_name);
  Bundle no_segment_name = small_bundle();
  no_segment_name.segments[1].name = "";
  expect_refused(no_segment_name);
  Bundle bad_schedule = small_bundle();
  bad_schedule.schedule.neighbours = 0;
  expect_refused(bad_schedule);
  Bundle no_model = small_bundle();
  no_model.model = {};
  expect_refused(no_model);
}

TEST(BundleTest, MoreObjectsThanContainerSectionsFit) {
  Bundle bundle = small_bundle();
  std::vector<std::shared_ptr<const AdapterBlock>> blocks;
  for (std::uint64_t i = 0; i < 40; ++i) blocks.push_back(tiny_block(i, 2));
  bundle.pool = std::make_shared<const Pool>(tiny_pool(std::move(blocks)));
  for (std::uint64_t i = 0; i < 20; ++i) {
    bundle.segments.push_back(
        {tiny_segment(i, 3 + static_cast<std::int64_t>(i)), SegmentKind::kOwn, ""});
  }
  const Bundle read = profiles::decode_bundle(profiles::encode_bundle(bundle), "test");
  EXPECT_EQ(read.pool->blocks().size(), 40U);
  EXPECT_EQ(read.pool->digest(), bundle.pool->digest());
  EXPECT_EQ(read.segments.size(), 22U);
}

}  // namespace
}  // namespace pema::test
