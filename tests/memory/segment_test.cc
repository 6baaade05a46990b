#include <algorithm>
#include <array>
#include <cereal/types/array.hpp>
#include <limits>

#include "pema/memory.h"
#include "src/core/atomic_file.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema {
namespace {

using test::expect_error;
using test::segment_info;
using test::segment_of;
using test::unit_rows;
using ::testing::ElementsAre;

void expect_same(const Segment& a, const Segment& b) {
  EXPECT_EQ(a.digest(), b.digest());
  EXPECT_EQ(a.info().model, b.info().model);
  EXPECT_EQ(a.info().site, b.info().site);
  EXPECT_EQ(a.info().hidden, b.info().hidden);
  EXPECT_EQ(a.info().vocab, b.info().vocab);
  ASSERT_EQ(a.info().entries, b.info().entries);
  EXPECT_TRUE(std::ranges::equal(a.tokens(), b.tokens()));
  for (std::int64_t i = 0; i < a.info().entries; ++i) {
    EXPECT_TRUE(std::ranges::equal(a.keys().row_span(i), b.keys().row_span(i)));
  }
}

TEST(Segment, IsTheSameInMemoryInBytesAndInAFile) {
  const test::TemporaryFolder folder;
  const auto made = segment_of(unit_rows(5, 9, 1), 7);
  EXPECT_EQ(made->info().entries, 5);
  const std::vector<std::byte> bytes = made->serialise();
  EXPECT_EQ(made->digest(), sha256(bytes));
  core::write_file_atomically(folder.file("s"), bytes);
  expect_same(*made, *Segment::from_bytes(bytes));
  expect_same(*made, *Segment::open(folder.file("s"), made->digest()));
  EXPECT_EQ(Segment::open(folder.file("s"), made->digest())->serialise(), bytes);
}

// The reference code of PEMA loses ids above 32,767 or 65,535 in narrow integers.
TEST(Segment, KeepsTokensAboveSixteenBits) {
  const std::vector<std::int32_t> tokens = {40'000, 70'000, 65'535, 65'536, 99'999};
  const Matrix<float> keys = unit_rows(5, 4, 2);
  const auto made = Segment::make(segment_info(4), keys.view(), tokens);
  const auto read = Segment::from_bytes(made->serialise());
  EXPECT_THAT(read->tokens(), ElementsAre(40'000, 70'000, 65'535, 65'536, 99'999));
  const std::vector<Neighbour> found = recall(std::span(&read, 1), keys.view().row_span(1), 1);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].token, 70'000);
  EXPECT_EQ(recall_distribution(found, 0.02)[0].token, 70'000);
}

TEST(Segment, MayBeEmpty) {
  const auto made = segment_of(Matrix<float>(0, 6));
  EXPECT_EQ(made->info().entries, 0);
  expect_same(*made, *Segment::from_bytes(made->serialise()));
}

TEST(Segment, TakesViewsWhoseRowsLieApart) {
  const Matrix<float> keys = unit_rows(3, 4, 5);
  Matrix<float> wide(3, 7);
  for (std::int64_t r = 0; r < 3; ++r) std::copy_n(keys.row(r), 4, wide.row(r));
  const std::vector<std::int32_t> tokens = {0, 1, 2};
  expect_same(*Segment::make(segment_info(4), {wide.data(), 3, 4, 7}, tokens), *segment_of(keys));
}

TEST(Segment, DigestCoversWhatItIsMadeOf) {
  const Matrix<float> keys = unit_rows(2, 4, 5);
  const std::vector<std::int32_t> tokens = {0, 1};
  const Digest base = Segment::make(segment_info(4), keys.view(), tokens)->digest();
  const auto differs = [&](auto change) {
    SegmentInfo info = segment_info(4);
    change(info);
    return Segment::make(info, keys.view(), tokens)->digest() != base;
  };
  EXPECT_FALSE(differs([](SegmentInfo& i) { i.entries = 99; })) << "filled in from the keys";
  EXPECT_TRUE(differs([](SegmentInfo& i) { i.model = sha256("other"); }));
  EXPECT_TRUE(differs([](SegmentInfo& i) { i.site = FeatureSite::kPostNorm; }));
  EXPECT_TRUE(differs([](SegmentInfo& i) { i.vocab = 50; }));
  EXPECT_NE(segment_of(unit_rows(2, 4, 6))->digest(), base);
  EXPECT_NE(segment_of(keys, 1)->digest(), base);
}

TEST(Segment, MakeRefusesWhatIsNoSegment) {
  const Matrix<float> keys = unit_rows(2, 4, 5);
  const std::vector<std::int32_t> tokens = {0, 1};
  const auto refused = [](SegmentInfo info, const Matrix<float>& k, std::vector<std::int32_t> t,
                          const std::string& words) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)Segment::make(info, k.view(), t); }, words);
  };
  refused(segment_info(5), keys, tokens, "shapes disagree");
  refused(segment_info(4), keys, {0}, "shapes disagree");
  refused(segment_info(0), Matrix<float>(2, 0), tokens, "width");
  refused(segment_info(4), keys, {0, -1}, "entry 1 is -1");
  refused(segment_info(4), keys, {test::kVocab, 1}, "entry 0 is 100000");
  for (const std::int64_t vocab : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 31}) {
    SegmentInfo info = segment_info(4);
    info.vocab = vocab;
    refused(info, keys, tokens, "vocabulary");
  }
  SegmentInfo info = segment_info(4);
  info.site = static_cast<FeatureSite>(2);
  refused(info, keys, tokens, "cannot be made");
  Matrix<float> bad = keys;
  std::fill_n(bad.row(1), 4, 0.0F);
  refused(segment_info(4), bad, tokens, "entry 1 is no finite unit vector");
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3.0F}) {
    bad = keys;
    bad.row(0)[2] = value;
    refused(segment_info(4), bad, tokens, "entry 0 is no finite unit vector");
  }
}

TEST(Segment, AcceptsUnitLengthWithinItsTolerance) {
  const std::vector<std::int32_t> token = {0};
  const auto make = [&](float length) {
    Matrix<float> key(1, 2);
    key.row(0)[1] = length;
    return Segment::make(segment_info(2), key.view(), token);
  };
  EXPECT_EQ(make(1.0009F)->info().entries, 1);
  EXPECT_EQ(make(0.9991F)->info().entries, 1);
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)make(1.0011F); });
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)make(0.9989F); });
}

TEST(Segment, FileRefusesEveryFlippedByteAndTruncation) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("s");
  const auto segment = segment_of(unit_rows(3, 5, 1));
  const std::vector<std::byte> bytes = segment->serialise();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[i] ^= std::byte{0x5a};
    test::write_bytes(path, damaged);
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)Segment::open(path, segment->digest()); }, path);
    test::write_bytes(path, std::span(bytes).first(i));
    expect_error(ErrorCode::kCorrupt, [&] { (void)Segment::open(path, segment->digest()); });
    expect_error(ErrorCode::kCorrupt, [&] {
      (void)Segment::from_bytes({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i)});
    });
  }
  expect_error(ErrorCode::kNotFound,
               [&] { (void)Segment::open(folder.file("none"), segment->digest()); });
}

struct ForgedMeta {
  std::array<std::uint8_t, 32> model{};
  std::uint8_t site = 0;
  std::int64_t hidden = 2;
  std::int64_t vocab = 10;
  std::int64_t entries = 2;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(model, site, hidden, vocab, entries);
  }
};

std::vector<std::byte> forge(const ForgedMeta& meta, const std::vector<float>& keys,
                             const std::vector<std::int32_t>& tokens, bool third = false) {
  std::vector<std::span<const std::byte>> sections = {std::as_bytes(std::span(keys)),
                                                      std::as_bytes(std::span(tokens))};
  if (third) sections.emplace_back();
  return core::build_object(core::ObjectKind::kSegment, core::encode_metadata(meta), sections);
}

TEST(Segment, RefusesWellFormedObjectsThatAreNoSegments) {
  const std::vector<float> keys = {1, 0, 0, 1};
  EXPECT_EQ(Segment::from_bytes(forge({}, keys, {3, 9}))->tokens()[1], 9);
  const auto refused = [](std::vector<std::byte> bytes, const std::string& words) {
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)Segment::from_bytes(std::move(bytes)); }, words);
  };
  for (const ForgedMeta& meta :
       {ForgedMeta{{}, 2, 2, 10, 2}, ForgedMeta{{}, 0, 0, 10, 2},
        ForgedMeta{{}, 0, INT64_MAX, 10, 2}, ForgedMeta{{}, 0, 2, 0, 2},
        ForgedMeta{{}, 0, 2, INT64_MAX, 2}, ForgedMeta{{}, 0, 2, 10, -1}}) {
    refused(forge(meta, keys, {3, 9}), "limits");
  }
  refused(forge({{}, 0, 2, 10, INT64_MAX}, keys, {3, 9}), "impossible");
  refused(forge({{}, 0, 2, 10, INT64_MAX / 16}, keys, {3, 9}), "instead of");
  refused(forge({{}, 0, 2, 10, 1}, keys, {3}), "section 0");
  refused(forge({}, keys, {3}), "section 1");
  refused(forge({}, keys, {3, 9}, true), "3 sections");
  refused(forge({}, keys, {3, 10}), "entry 1 is 10");
  refused(forge({}, {1, 0, 0, 2}, {3, 9}), "entry 1");
  refused(forge({}, {std::numeric_limits<float>::quiet_NaN(), 0, 0, 1}, {3, 9}), "entry 0");
}

}  // namespace
}  // namespace pema
