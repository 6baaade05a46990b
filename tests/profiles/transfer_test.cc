#include <gtest/gtest.h>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

/// A store to export from and one to import into.
struct TransferTest : ::testing::Test {
  TinyStore from;
  TinyStore to;
  std::string bundle = from.folder.file("ada.pema");
  SegmentRecord docs = from.store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");
  SegmentRecord own = from.store.put_segment(*tiny_segment(2), SegmentKind::kOwn);
  PoolRecord pool = from.put_pool();
  ProfileRecord ada = from.store.put_profile(draft_of("ada", pool.id, {docs.id, own.id}));

  /// Number of rows of every kind.
  static std::vector<std::size_t> counts(const Store& store) {
    return {store.models().size(), store.pools().size(), store.segments().size(),
            static_cast<std::size_t>(store.profile_count())};
  }
};

TEST_F(TransferTest, AnImportedProfileIsBitIdentical) {
  from.store.export_profile("ada", bundle);
  const ProfileRecord copy = to.store.import_profile(bundle);
  EXPECT_EQ(copy.name, "ada");
  EXPECT_EQ(copy.generation, 1);
  EXPECT_EQ(copy.mask.digest(), ada.mask.digest());
  EXPECT_EQ(copy.schedule, ada.schedule);
  const auto loaded = to.store.load_pool(copy.pool);
  EXPECT_EQ(loaded->digest(), pool.digest);
  EXPECT_EQ(loaded->info().recipe, pool.info.recipe);
  EXPECT_EQ(to.store.find_pool(copy.pool)->name, "main");
  ASSERT_EQ(copy.segments.size(), 2U);
  std::vector<Digest> digests;
  for (const SegmentId id : copy.segments) digests.push_back(to.store.load_segment(id)->digest());
  EXPECT_THAT(digests, ::testing::UnorderedElementsAre(docs.digest, own.digest));
  EXPECT_EQ(to.store.find_segment("docs")->kind, SegmentKind::kShared);
  EXPECT_TRUE(to.store.verify().empty());
  for (const Digest& object : {pool.block_objects[0], docs.digest, own.digest}) {
    EXPECT_EQ(read_bytes(to.store.object_path(object)), read_bytes(from.store.object_path(object)));
  }
}

TEST_F(TransferTest, WhatIsHereAlreadyIsShared) {
  from.store.export_profile("ada", bundle);
  to.store.put_pool("another name", tiny_pool({tiny_block(1)}));
  to.store.import_profile(bundle);
  const std::vector<std::size_t> once = counts(to.store);
  EXPECT_EQ(once, (std::vector<std::size_t>{1, 1, 2, 1}));
  to.store.import_profile(bundle, "eve");
  EXPECT_EQ(counts(to.store), (std::vector<std::size_t>{1, 1, 2, 2}));
  EXPECT_EQ(to.store.import_profile(bundle, "", OnExisting::kReplace).generation, 2);
  EXPECT_TRUE(to.store.remove_profile("ada"));
  EXPECT_EQ(to.store.segments().size(), 2U) << "eve still reads the own segment";
  EXPECT_EQ(to.store.import_profile(bundle).generation, 3);
  EXPECT_TRUE(to.store.verify().empty());
}

TEST_F(TransferTest, SegmentsCanStayBehind) {
  from.store.export_profile("ada", bundle, false);
  const ProfileRecord copy = to.store.import_profile(bundle);
  EXPECT_TRUE(copy.segments.empty());
  EXPECT_EQ(copy.mask, ada.mask);
  EXPECT_EQ(to.store.segments().size(), 0U);
}

TEST_F(TransferTest, AnotherBaseModelIsAMismatchThatNamesBoth) {
  from.store.export_profile("ada", bundle);
  const TemporaryFolder folder;
  Store other = Store::open(folder.file("store"), OpenMode::kCreate, new_store());
  expect_error(
      ErrorCode::kMismatch, [&] { other.import_profile(bundle); }, "no base model");
  other.put_model(tiny_model(2), "");
  expect_error(
      ErrorCode::kMismatch, [&] { other.import_profile(bundle); }, tiny_model(1).fingerprint.hex());
  expect_error(
      ErrorCode::kMismatch, [&] { other.import_profile(bundle); }, tiny_model(2).fingerprint.hex());
  EXPECT_EQ(counts(other), (std::vector<std::size_t>{1, 0, 0, 0}));
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("store/objects")));
}

TEST_F(TransferTest, AFailedImportChangesNoRow) {
  from.store.export_profile("ada", bundle);
  to.store.put_segment(*tiny_segment(9), SegmentKind::kShared, "docs");
  const std::vector<std::size_t> before = counts(to.store);
  expect_error(
      ErrorCode::kAlreadyExists, [&] { to.store.import_profile(bundle); }, "docs");
  EXPECT_EQ(counts(to.store), before);
  expect_error(ErrorCode::kInvalidArgument, [&] { to.store.import_profile(bundle, "a\tb"); });

  std::vector<std::byte> bytes = read_bytes(bundle);
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_bytes(bundle, bytes);
  expect_error(
      ErrorCode::kCorrupt, [&] { to.store.import_profile(bundle); }, bundle);
  EXPECT_EQ(counts(to.store), before);
  EXPECT_TRUE(to.store.verify().empty());
}

TEST_F(TransferTest, ATakenNameIsRefused) {
  from.store.export_profile("ada", bundle);
  expect_error(
      ErrorCode::kAlreadyExists, [&] { from.store.import_profile(bundle); }, "ada");
  EXPECT_EQ(from.store.find_profile("ada")->generation, 1);
}

TEST_F(TransferTest, MissingThingsAreTold) {
  expect_error(
      ErrorCode::kNotFound, [&] { from.store.export_profile("bob", bundle); }, "bob");
  EXPECT_FALSE(std::filesystem::exists(bundle));
  expect_error(
      ErrorCode::kNotFound, [&] { to.store.import_profile(bundle); }, bundle);
  expect_error(ErrorCode::kIo, [&] { from.store.export_profile("ada", from.path + "/no/such"); });
  std::filesystem::remove(from.store.object_path(own.digest));
  EXPECT_TRUE(error_of([&] { from.store.export_profile("ada", bundle); }).has_value());
  EXPECT_FALSE(std::filesystem::exists(bundle));
}

TEST_F(TransferTest, AForeignFileIsNoBundle) {
  write_bytes(bundle, bytes_of("PEMAOBJ is not enough"));
  expect_error(ErrorCode::kCorrupt, [&] { to.store.import_profile(bundle); });
  std::filesystem::copy_file(from.store.object_path(own.digest), from.folder.file("segment"));
  expect_error(ErrorCode::kCorrupt, [&] { to.store.import_profile(from.folder.file("segment")); });
}

}  // namespace
}  // namespace pema::test
