#include <gtest/gtest.h>

#include "profiles/mask_check.h"
#include "profiles/profile_codec.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using Bytes = std::vector<std::byte>;

/// A damaged value is either refused or is the one encoding of another value.
template <typename Decode, typename Encode>
void expect_one_encoding(const Bytes& good, Decode decode, Encode encode) {
  ASSERT_EQ(encode(decode(good)), good);
  const auto check = [&](const Bytes& bad) {
    const std::optional<Error> error = error_of([&] { EXPECT_EQ(encode(decode(bad)), bad); });
    if (error) {
      EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
    }
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      Bytes bad = good;
      bad[i] = static_cast<std::byte>(value);
      check(bad);
    }
    check(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i)));
  }
  Bytes longer = good;
  longer.push_back(std::byte{0});
  check(longer);
}

TEST(CodecTest, SchedulesKeepEveryQuantisedValue) {
  LambdaSchedule schedule;
  schedule.curve = LambdaCurve::kLinear;
  schedule.length = 1'000'000;
  schedule.neighbours = 4096;
  schedule.temperature = 0.012345;
  for (int i = 0; i <= 10'000; ++i) {
    schedule.lambda_max = i / 1e4;
    schedule.lambda_own = (10'000 - i) / 1e4;
    schedule.lambda_shared = i / 1e4;
    const LambdaSchedule kept = schedule.quantised();
    ASSERT_EQ(profiles::decode_schedule(profiles::encode_schedule(kept), "test"), kept) << i;
  }
}

TEST(CodecTest, DamagedSchedulesAreRefusedOrOtherSchedules) {
  LambdaSchedule schedule;
  schedule.length = 300;
  expect_one_encoding(
      profiles::encode_schedule(schedule),
      [](const Bytes& bytes) { return profiles::decode_schedule(bytes, "test"); },
      [](const LambdaSchedule& value) { return profiles::encode_schedule(value); });
  expect_error(
      ErrorCode::kCorrupt,
      [] { static_cast<void>(profiles::decode_schedule(Bytes{}, "profile 'x'")); }, "profile 'x'");
}

TEST(CodecTest, SegmentListsRoundTripAndRise) {
  const std::vector<SegmentId> list{{1}, {2}, {300}, {INT64_MAX}};
  const Bytes bytes = profiles::encode_segments(list);
  EXPECT_EQ(profiles::decode_segments(bytes, "test"), list);
  EXPECT_TRUE(profiles::encode_segments({}).empty());
  expect_one_encoding(
      bytes, [](const Bytes& raw) { return profiles::decode_segments(raw, "test"); },
      [](const std::vector<SegmentId>& value) { return profiles::encode_segments(value); });
  Bytes overflow = bytes;
  overflow.push_back(std::byte{1});
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(profiles::decode_segments(overflow, "test")); },
      "rise");
}

TEST(CodecTest, MasksOfEveryKindRoundTrip) {
  std::vector<ProfileMask> masks(5);
  masks[1].down = BitMask::from_indices(13, std::vector<std::int64_t>{0, 12});
  masks[2] = masks[1];
  masks[2].up = BitMask::from_indices(13, std::vector<std::int64_t>{5});
  masks[3].down_weights = {0.5F, -1.0F, 0.0F};
  masks[4] = masks[3];
  masks[4].up_weights = {1.0F, 2.0F, 3e-38F};
  for (const ProfileMask& mask : masks) {
    profiles::check_mask_shape(mask);
    const Bytes bytes = profiles::encode_mask(mask);
    EXPECT_EQ(profiles::decode_mask(bytes, "test"), mask);
    expect_one_encoding(
        bytes, [](const Bytes& raw) { return profiles::decode_mask(raw, "test"); },
        [](const ProfileMask& value) { return profiles::encode_mask(value); });
  }
}

TEST(CodecTest, AHardMaskCostsThreeBytesMoreThanItsBits) {
  ProfileMask mask;
  mask.down = BitMask(1024);
  EXPECT_EQ(profiles::encode_mask(mask).size(), 128U + 3U);
}

TEST(CodecTest, AnImpossibleMaskSizeAllocatesNothing) {
  const Bytes huge{std::byte{1}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{7}};
  expect_error(ErrorCode::kCorrupt,
               [&] { static_cast<void>(profiles::decode_mask(huge, "test")); });
}

TEST(CodecTest, MasksThatContradictThemselvesAreRefused) {
  ProfileMask both;
  both.down = BitMask(2);
  both.down_weights = {1.0F, 1.0F};
  ProfileMask uneven;
  uneven.down = BitMask(2);
  uneven.up = BitMask(3);
  ProfileMask uneven_soft;
  uneven_soft.down_weights = {1.0F};
  uneven_soft.up_weights = {1.0F, 2.0F};
  ProfileMask only_up;
  only_up.up_weights = {1.0F};
  ProfileMask infinite;
  infinite.down_weights = {std::numeric_limits<float>::infinity()};
  for (const ProfileMask& mask : {both, uneven, uneven_soft, only_up, infinite}) {
    expect_error(ErrorCode::kInvalidArgument, [&] { profiles::check_mask_shape(mask); });
  }
}

}  // namespace
}  // namespace pema::test
