#include "pema/mask.h"

#include <random>

#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

TEST(BitMask, IsEmptyAtFirst) {
  const BitMask mask(100);
  EXPECT_EQ(mask.size(), 100);
  EXPECT_EQ(mask.popcount(), 0);
  EXPECT_TRUE(mask.none());
  EXPECT_THAT(mask.indices(), IsEmpty());
  EXPECT_THAT(BitMask().to_bytes(), IsEmpty());
}

TEST(BitMask, StoresLeastSignificantBitFirst) {
  const std::int64_t members[] = {0, 3, 8, 19};
  const BitMask mask = BitMask::from_indices(20, members);
  EXPECT_EQ(mask.to_bytes(), bytes({0x09, 0x01, 0x08}));
  EXPECT_THAT(mask.words(), ElementsAre(0x080109));
}

TEST(BitMask, SetsAndClearsAtWordBorders) {
  BitMask mask(129);
  for (const std::int64_t index : {0, 63, 64, 127, 128}) mask.set(index);
  EXPECT_THAT(mask.indices(), ElementsAre(0, 63, 64, 127, 128));
  EXPECT_TRUE(mask.test(64));
  EXPECT_FALSE(mask.test(65));
  mask.set(64, false);
  mask.set(63, false);
  EXPECT_THAT(mask.indices(), ElementsAre(0, 127, 128));
  EXPECT_EQ(mask.popcount(), 3);
}

TEST(BitMask, SurvivesARoundTripThroughBytesAtEverySize) {
  std::mt19937 random(7);
  for (std::int64_t size = 0; size <= 200; ++size) {
    BitMask mask(size);
    for (std::int64_t i = 0; i < size; ++i) mask.set(i, random() % 3 == 0);
    const std::vector<std::byte> stored = mask.to_bytes();
    EXPECT_EQ(stored.size(), static_cast<std::size_t>((size + 7) / 8));
    EXPECT_EQ(BitMask::from_bytes(size, stored), mask) << size;
    EXPECT_EQ(BitMask::from_indices(size, mask.indices()), mask) << size;
  }
}

TEST(BitMask, RefusesBytesOfAnotherLength) {
  expect_error(
      ErrorCode::kCorrupt, [] { (void)BitMask::from_bytes(9, bytes({0xff})); }, "2 bytes");
  expect_error(ErrorCode::kCorrupt, [] { (void)BitMask::from_bytes(8, bytes({1, 0})); });
  expect_error(ErrorCode::kCorrupt, [] { (void)BitMask::from_bytes(0, bytes({0})); });
}

TEST(BitMask, RefusesEveryBitPastItsEnd) {
  for (std::int64_t size = 1; size <= 130; ++size) {
    for (std::int64_t bit = size; bit < (size + 7) / 8 * 8; ++bit) {
      std::vector<std::byte> stored = BitMask(size).to_bytes();
      stored[static_cast<std::size_t>(bit / 8)] = std::byte{1} << (bit % 8);
      expect_error(
          ErrorCode::kCorrupt, [&] { (void)BitMask::from_bytes(size, stored); }, "past its end");
    }
  }
}

TEST(BitMask, RefusesImpossibleSizesBeforeItAllocates) {
  expect_error(ErrorCode::kInvalidArgument, [] { BitMask(-1); });
  expect_error(ErrorCode::kInvalidArgument, [] { BitMask(BitMask::kMaxSize + 1); });
  expect_error(ErrorCode::kInvalidArgument, [] { (void)BitMask::from_bytes(INT64_MAX, {}); });
  EXPECT_EQ(BitMask(BitMask::kMaxSize).size(), BitMask::kMaxSize);
}

TEST(BitMask, RefusesMembersOutside) {
  BitMask mask(10);
  for (const std::int64_t index : {std::int64_t{-1}, std::int64_t{10}, INT64_MAX, INT64_MIN}) {
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)mask.test(index); });
    expect_error(ErrorCode::kInvalidArgument, [&] { mask.set(index); });
    expect_error(ErrorCode::kInvalidArgument,
                 [&] { (void)BitMask::from_indices(10, std::span(&index, 1)); });
  }
  EXPECT_TRUE(mask.none());
}

TEST(BitMask, OverlapsAsASetEvenWhenSizesDiffer) {
  const std::int64_t a[] = {1, 5, 64, 70};
  const std::int64_t b[] = {5, 64, 200};
  EXPECT_EQ(BitMask::from_indices(71, a).overlap(BitMask::from_indices(300, b)), 2);
  EXPECT_EQ(BitMask::from_indices(300, b).overlap(BitMask::from_indices(71, a)), 2);
  EXPECT_EQ(BitMask().overlap(BitMask::from_indices(71, a)), 0);
}

ProfileMask hard(std::int64_t size, std::vector<std::int64_t> down) {
  ProfileMask mask;
  mask.down = BitMask::from_indices(size, down);
  return mask;
}

TEST(ProfileMask, OfAPlainProfileIsEmpty) {
  const ProfileMask mask;
  EXPECT_TRUE(mask.none());
  EXPECT_FALSE(mask.soft());
  EXPECT_EQ(mask.size(), 0);
  EXPECT_EQ(mask.stored_bytes(), 0);
}

TEST(ProfileMask, CountsTheBytesThatAreStored) {
  ProfileMask mask = hard(512, {3});
  EXPECT_EQ(mask.stored_bytes(), 64);
  mask.up = BitMask(512);
  EXPECT_EQ(mask.stored_bytes(), 128);
  ProfileMask soft;
  soft.down_weights.assign(1024, 0.5F);
  EXPECT_EQ(soft.stored_bytes(), 4096);
  EXPECT_EQ(soft.size(), 1024);
}

TEST(ProfileMask, SelectsNothingWhenOneSideIsEmpty) {
  ProfileMask mask = hard(8, {2});
  EXPECT_FALSE(mask.none());
  mask.up = BitMask(8);
  EXPECT_TRUE(mask.none());
  mask.up.set(1);
  EXPECT_FALSE(mask.none());

  ProfileMask soft;
  soft.down_weights = {0.0F, 0.25F};
  EXPECT_FALSE(soft.none());
  soft.up_weights = {0.0F, 0.0F};
  EXPECT_TRUE(soft.none());
}

TEST(ProfileMask, WeighsBothSides) {
  ProfileMask mask = hard(8, {2});
  EXPECT_EQ(mask.weight(2, false), 1.0F);
  EXPECT_EQ(mask.weight(2, true), 1.0F) << "one set serves both sides";
  mask.up = BitMask(8);
  mask.up.set(3);
  EXPECT_EQ(mask.weight(2, true), 0.0F);
  EXPECT_EQ(mask.weight(3, true), 1.0F);
  ProfileMask soft;
  soft.down_weights = {0.5F, 0.25F};
  EXPECT_EQ(soft.weight(1, true), 0.25F);
  soft.up_weights = {1.0F, -2.0F};
  EXPECT_EQ(soft.weight(1, true), -2.0F);
  EXPECT_EQ(soft.weight(1, false), 0.25F);
}

TEST(ProfileMask, DigestTellsAllDifferentMasksApart) {
  ProfileMask both = hard(8, {2});
  both.up = BitMask(8);
  both.up.set(2);
  ProfileMask soft;
  soft.down_weights = {0, 0, 1, 0, 0, 0, 0, 0};
  ProfileMask soft_up = soft;
  soft_up.up_weights = soft.down_weights;
  const ProfileMask masks[] = {{},          hard(8, {2}), hard(8, {3}), hard(9, {2}),
                               hard(8, {}), both,         soft,         soft_up};
  for (const ProfileMask& a : masks) {
    for (const ProfileMask& b : masks) EXPECT_EQ(a.digest() == b.digest(), a == b);
  }
}

}  // namespace
}  // namespace pema
