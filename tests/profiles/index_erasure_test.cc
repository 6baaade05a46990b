// Erasing a segment erases every index that holds it; whoever keeps content in memory is told.
#include <gtest/gtest.h>

#include "tests/profiles/index_fixture.h"

namespace pema::test {
namespace {

using IndexErasure = IndexTest;

TEST_F(IndexErasure, EveryIndexThatHoldsASegmentGoesWithIt) {
  const Digest all = build_all("all").digest;
  const Digest two = build("two", {ada.id, bob.id}).digest;
  const Digest docs_alone = build("docs", {docs.id}).digest;
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_FALSE(store.find_index("all").has_value());
  EXPECT_FALSE(store.find_index("two").has_value());
  EXPECT_FALSE(has_file(all));
  EXPECT_FALSE(has_file(two));
  EXPECT_TRUE(has_file(docs_alone));
  EXPECT_TRUE(store.verify().empty());

  build_all("all");
  ProfileDraft draft = draft_of("bob", pool, {docs.id});
  draft.own_segments = {tiny_segment(9)};
  store.put_profile(draft, OnExisting::kReplace);
  EXPECT_FALSE(store.find_index("all").has_value()) << "his old segment was replaced";
  EXPECT_TRUE(store.find_index("docs").has_value());
}

TEST_F(IndexErasure, OnlyTheLastRowOfAContentCounts) {
  store.put_segment(*tiny_segment(3), SegmentKind::kShared, "famous");
  build("one", {ada.id});
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_TRUE(store.find_index("one").has_value()) << "everybody may still read that content";
  EXPECT_TRUE(store.remove_segment(store.find_segment("famous")->id));
  EXPECT_FALSE(store.find_index("one").has_value());
}

TEST_F(IndexErasure, ASharedSegmentIsRemovedWhenNobodyReadsIt) {
  const Digest index = build("both", {docs.id, plans.id}).digest;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.remove_segment(docs.id); }, "read by 3 profiles");
  EXPECT_TRUE(store.find_index("both").has_value());
  EXPECT_TRUE(store.remove_segment(plans.id));
  EXPECT_FALSE(store.remove_segment(plans.id));
  EXPECT_FALSE(store.find_segment("plans").has_value());
  EXPECT_FALSE(has_file(plans.digest));
  EXPECT_FALSE(has_file(index));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(IndexErasure, OneThatWasCutShortIsFinishedByTheNextOpening) {
  const Digest index = build_all("all").digest;
  const std::vector<std::byte> bytes = read_bytes(store.object_path(index));
  EXPECT_TRUE(store.remove_profile("ada"));
  // The state after the commit and before the file is deleted.
  write_bytes(store.object_path(index), bytes);
  {
    const auto database = tables_of(tiny.path);
    profiles::sql::Query row = database->query("INSERT INTO doomed (object) VALUES (?1)");
    row->bind(1, index).run();
  }
  (void)Store::open(tiny.path, OpenMode::kReadWrite);
  EXPECT_FALSE(has_file(index));
}

TEST_F(IndexErasure, VerifyFindsADamagedFileAndAMissingSegment) {
  const RecallIndexRecord index = build("both", {docs.id, plans.id});
  std::filesystem::resize_file(store.object_path(index.digest), 100);
  std::vector<Damage> damage = store.verify();
  ASSERT_EQ(damage.size(), 1U);
  EXPECT_NE(damage[0].why.find("can be built again"), std::string::npos) << damage[0].why;
  (void)store.build_index(store.draft_of(index));
  EXPECT_TRUE(store.verify().empty());
  change_tables(tiny.path, "DELETE FROM segment WHERE name = 'plans'");
  damage = store.verify();
  ASSERT_EQ(damage.size(), 1U);
  EXPECT_EQ(damage[0].what, "index 'both'");
}

/// What a listener was told.
struct Told {
  explicit Told(IndexTest& test) {
    test.store.on_erasure([this, &test](std::span<const Digest> gone) {
      for (const Digest& digest : gone) EXPECT_FALSE(test.has_file(digest));
      all.insert(all.end(), gone.begin(), gone.end());
    });
  }
  [[nodiscard]] bool of(const Digest& digest) const {
    return std::find(all.begin(), all.end(), digest) != all.end();
  }
  std::vector<Digest> all;
};

TEST_F(IndexErasure, AListenerIsToldOfAllContentThatIsGone) {
  const Digest index = build_all("all").digest;
  const Digest mask = store.find_profile("ada")->mask.digest();
  Told told(*this);
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_TRUE(told.of(ada.digest));
  EXPECT_TRUE(told.of(index));
  EXPECT_TRUE(told.of(mask));
  EXPECT_EQ(told.all.size(), 3U);
}

TEST_F(IndexErasure, AListenerIsToldOfWhatAReplacementDropsAndOfNothingElse) {
  Told told(*this);
  ProfileDraft same = draft_of("bob", pool, {docs.id, bob.id});
  same.schedule.lambda_max = 0.5;
  store.put_profile(same, OnExisting::kReplace);
  store.put_profile(draft_of("dan", pool, {docs.id}));
  EXPECT_TRUE(told.all.empty()) << "mask and segments are those of before";
  const Digest mask = same.mask.digest();
  same.mask.down = BitMask::from_indices(8, std::vector<std::int64_t>{2});
  same.segments = {docs.id};
  store.put_profile(same, OnExisting::kReplace);
  EXPECT_TRUE(told.of(mask));
  EXPECT_TRUE(told.of(bob.digest));
  EXPECT_EQ(told.all.size(), 2U);
  expect_error(ErrorCode::kAlreadyExists, [&] { store.put_profile(same); });
  EXPECT_EQ(told.all.size(), 2U);
  store.on_erasure({});
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_EQ(told.all.size(), 2U);
}

TEST_F(IndexErasure, AListenerIsToldEvenWhereAFileCannotBeDeleted) {
  const std::string path = store.object_path(ada.digest);
  std::filesystem::remove(path);
  std::filesystem::create_directories(path + "/in the way");
  Told told(*this);
  store.on_erasure([&](std::span<const Digest> gone) {
    told.all.insert(told.all.end(), gone.begin(), gone.end());
  });
  expect_error(ErrorCode::kIo, [&] { store.remove_profile("ada"); });
  EXPECT_TRUE(told.of(ada.digest));
  EXPECT_FALSE(store.find_profile("ada").has_value());
  std::filesystem::remove_all(path);
  (void)Store::open(tiny.path, OpenMode::kReadWrite);
}

}  // namespace
}  // namespace pema::test
