// Codebooks in the store: named or along with segments, removed with the last that needs them,
// carried by bundles, checked by verify.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

std::shared_ptr<const Codebook> tiny_codebook(int seed = 1, int model = 1) {
  std::vector<float> centroids;
  for (int i = 0; i < 4 * 256; ++i) {
    centroids.push_back(static_cast<float>((i * 37 + seed * 11) % 129 - 64) / 64.0F);
  }
  return Codebook::make({tiny_model(model).fingerprint, FeatureSite::kPostNorm, 4, 2}, {centroids});
}

std::shared_ptr<const Segment> quantised(std::uint64_t seed,
                                         const std::shared_ptr<const Codebook>& codebook) {
  const auto plain = tiny_segment(seed, 6);
  SegmentInfo info = plain->info();
  info.keys = KeyType::kProductQuantised;
  return Segment::make(info, plain->keys(), plain->tokens(), codebook);
}

struct CodebooksTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;
  std::shared_ptr<const Codebook> codebook = tiny_codebook();

  ProfileRecord enrol(const std::string& name, std::shared_ptr<const Segment> own) {
    ProfileDraft draft = draft_of(name, pool);
    draft.own_segments.push_back(std::move(own));
    return store.put_profile(draft);
  }
  [[nodiscard]] bool has_file(const Digest& digest) const {
    return std::filesystem::exists(store.object_path(digest));
  }
};

TEST_F(CodebooksTest, ComeBackBitForBit) {
  const CodebookRecord record = store.put_codebook(*codebook, "common");
  EXPECT_EQ(record.name, "common");
  EXPECT_EQ(record.info.parts, 2);
  EXPECT_EQ(record.segments, 0);
  EXPECT_EQ(record.bytes, static_cast<std::int64_t>(codebook->serialise().size()));
  EXPECT_EQ(store.load_codebook(record.digest)->serialise(), codebook->serialise());
  EXPECT_EQ(store.put_codebook(*codebook, "common").id, record.id);
  EXPECT_EQ(store.find_codebook("common")->id, record.id);
  EXPECT_EQ(store.codebooks().size(), 1U);
}

TEST_F(CodebooksTest, NamesBelongToOneContent) {
  store.put_codebook(*codebook, "common");
  const auto put = [&](int seed, const std::string& name, int model = 1) {
    return [=, this] { store.put_codebook(*tiny_codebook(seed, model), name); };
  };
  expect_error(ErrorCode::kAlreadyExists, put(2, "common"), "taken");
  expect_error(ErrorCode::kAlreadyExists, put(1, "other"), "'common'");
  expect_error(ErrorCode::kInvalidArgument, put(2, ""), "name");
  expect_error(ErrorCode::kNotFound, put(2, "other", 2), "not registered");
}

TEST_F(CodebooksTest, AreLoadedOnceForManySegments) {
  const SegmentRecord a = store.put_segment(*quantised(1, codebook), SegmentKind::kOwn);
  const SegmentRecord b = store.put_segment(*quantised(2, codebook), SegmentKind::kShared, "docs");
  EXPECT_EQ(a.info.keys, KeyType::kProductQuantised);
  EXPECT_EQ(a.info.codebook, codebook->digest());
  EXPECT_EQ(a.info.parts, 2);
  const auto first = store.load_segment(a.id);
  EXPECT_EQ(first->serialise(), quantised(1, codebook)->serialise());
  EXPECT_EQ(first->codebook(), store.load_segment(b.id)->codebook());
  EXPECT_EQ(store.codebooks()[0].segments, 2);
  EXPECT_EQ(store.codebooks()[0].name, "");
  EXPECT_EQ(store.put_codebook(*codebook, "common").id, store.codebooks()[0].id);
}

TEST_F(CodebooksTest, OneThatCameWithSegmentsGoesWithTheLast) {
  enrol("ada", quantised(1, codebook));
  enrol("bob", quantised(2, codebook));
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_TRUE(has_file(codebook->digest()));
  EXPECT_TRUE(store.remove_profile("bob"));
  EXPECT_TRUE(store.codebooks().empty());
  EXPECT_FALSE(has_file(codebook->digest()));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(CodebooksTest, ANamedOneStaysUntilItIsRemoved) {
  store.put_codebook(*codebook, "common");
  enrol("ada", quantised(1, codebook));
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.remove_codebook("common"); }, "1 segments");
  EXPECT_TRUE(store.find_codebook("common").has_value());
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_TRUE(has_file(codebook->digest()));
  EXPECT_TRUE(store.remove_codebook("common"));
  EXPECT_FALSE(has_file(codebook->digest()));
  EXPECT_FALSE(store.remove_codebook("common"));
}

TEST_F(CodebooksTest, AFailedDraftLeavesNothing) {
  ProfileDraft draft = draft_of("ada", PoolId{99});
  draft.own_segments.push_back(quantised(1, codebook));
  expect_error(ErrorCode::kNotFound, [&] { store.put_profile(draft); });
  EXPECT_FALSE(has_file(codebook->digest()));
  EXPECT_TRUE(store.codebooks().empty());
}

TEST_F(CodebooksTest, AMissingOrDamagedOneStopsItsSegmentsAndNoOthers) {
  const SegmentRecord plain = store.put_segment(*tiny_segment(3), SegmentKind::kOwn);
  const SegmentRecord needs = store.put_segment(*quantised(1, codebook), SegmentKind::kOwn);
  const std::string path = store.object_path(codebook->digest());
  std::vector<std::byte> bytes = read_bytes(path);
  bytes[300] ^= std::byte{1};
  write_bytes(path, bytes);
  expect_error(ErrorCode::kCorrupt, [&] { (void)store.load_segment(needs.id); });
  EXPECT_EQ(store.load_segment(plain.id)->digest(), plain.digest);
  EXPECT_EQ(store.verify().size(), 1U);
  std::filesystem::remove(path);
  expect_error(ErrorCode::kNotFound, [&] { (void)store.load_segment(needs.id); });
  ASSERT_EQ(store.verify().size(), 1U);
  EXPECT_NE(store.verify()[0].what.find(codebook->digest().hex()), std::string::npos);
  // Storing it again repairs it.
  store.put_codebook(*codebook, "common");
  EXPECT_EQ(store.load_segment(needs.id)->digest(), needs.digest);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(CodebooksTest, ABundleCarriesThem) {
  enrol("ada", quantised(1, codebook));
  const std::string path = tiny.folder.file("ada.pema");
  store.export_profile("ada", path);
  TinyStore other;
  const ProfileRecord copy = other.store.import_profile(path);
  ASSERT_EQ(copy.segments.size(), 1U);
  EXPECT_EQ(other.store.load_segment(copy.segments[0])->codebook()->digest(), codebook->digest());
  EXPECT_TRUE(other.store.verify().empty());
  const std::string again = tiny.folder.file("again.pema");
  other.store.export_profile("ada", again);
  EXPECT_EQ(read_bytes(again), read_bytes(path));
}

}  // namespace
}  // namespace pema::test
