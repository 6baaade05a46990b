// Shared segments whose name stands for a list: appending, rights, merging, bundles, older stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pema/segment_list.h"
#include "profiles/migrations.h"
#include "tests/profiles/index_fixture.h"

namespace pema::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// "docs" (9 entries) of IndexTest, to which segments are appended.
struct Lists : IndexTest {
  SegmentRecord append(std::uint64_t seed, std::int64_t entries = 5) {
    return store.append_segment(docs.id, *tiny_segment(seed, entries));
  }
  [[nodiscard]] std::vector<Digest> digests(SegmentId id) const {
    std::vector<Digest> out;
    for (const SegmentRecord& content : store.segment_list(id)) out.push_back(content.digest);
    return out;
  }
  [[nodiscard]] static Digest digest(std::uint64_t seed, std::int64_t entries = 5) {
    return tiny_segment(seed, entries)->digest();
  }
};

TEST_F(Lists, WhatIsAppendedIsBehindTheName) {
  const SegmentRecord grown = append(20);
  EXPECT_EQ(grown.id, docs.id);
  EXPECT_EQ(grown.digest, docs.digest) << "the first content";
  EXPECT_EQ(grown.version, 2);
  EXPECT_EQ(grown.contents, 2);
  EXPECT_EQ(grown.list_entries, 14);
  EXPECT_EQ(grown.list_bytes, docs.bytes + std::ssize(tiny_segment(20)->serialise()));
  append(21, 0);
  const std::vector<SegmentRecord> list = store.segment_list(docs.id);
  EXPECT_THAT(digests(docs.id), ElementsAre(docs.digest, digest(20), digest(21, 0)));
  EXPECT_EQ(list[1].position, 1);
  EXPECT_EQ(list[2].position, 2);
  EXPECT_EQ(list[2].info.entries, 0);
  EXPECT_EQ(list[2].name, "docs");
  EXPECT_EQ(store.load_segment(list[1])->digest(), digest(20));
  ASSERT_EQ(store.load_list(docs.id).size(), 3U);
  EXPECT_EQ(store.segments(SegmentKind::kShared).size(), 2U)
      << "parts are no segments of their own";
  EXPECT_EQ(store.find_profile("ada")->generation, 1) << "no profile was written";
  EXPECT_TRUE(store.verify().empty());
  EXPECT_TRUE(store.segment_list(SegmentId{99}).empty());
}

TEST_F(Lists, ContentThatIsThereChangesNothing) {
  append(20);
  EXPECT_EQ(append(20).version, 2);
  EXPECT_EQ(store.append_segment(docs.id, *tiny_segment(1, 9)).version, 2);
  EXPECT_EQ(store.put_segment(*tiny_segment(1, 9), SegmentKind::kShared, "docs").contents, 2)
      << "the list begins with it";
  expect_error(
      ErrorCode::kAlreadyExists,
      [&] { store.put_segment(*tiny_segment(20), SegmentKind::kShared, "docs"); }, "append");
  const SegmentRecord other = store.put_segment(*tiny_segment(1, 9), SegmentKind::kShared, "more");
  EXPECT_NE(other.id, docs.id) << "whoever may read it may not read what was appended";
  EXPECT_EQ(store.append_segment(plans.id, *tiny_segment(20)).contents, 2)
      << "two lists may have one content";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Lists, OnlyOneKindGoesTogether) {
  expect_error(
      ErrorCode::kMismatch, [&] { store.append_segment(docs.id, *tiny_segment(9, 5, 2)); }, "docs");
  SegmentInfo info = tiny_segment(9)->info();
  info.keys = KeyType::kFloat16;
  const auto half = Segment::make(info, tiny_segment(9)->keys(), tiny_segment(9)->tokens());
  expect_error(
      ErrorCode::kMismatch, [&] { store.append_segment(docs.id, *half); }, "f16");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.append_segment(ada.id, *tiny_segment(9)); }, "own");
  expect_error(ErrorCode::kNotFound,
               [&] { store.append_segment(SegmentId{99}, *tiny_segment(9)); });
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.merge_segment(ada.id, {}); }, "own");
  expect_error(ErrorCode::kInvalidArgument, [&] { store.merge_segment(docs.id, {.contents = 0}); });
  Store enroller = Store::open(tiny.path, OpenMode::kReadWrite, {.role = Role::kEnrol});
  EXPECT_EQ(enroller.append_segment(docs.id, *tiny_segment(9)).contents, 2);
  expect_error(ErrorCode::kPermission, [&] { enroller.merge_segment(docs.id, {}); });
  EXPECT_EQ(files(), std::ssize(store.segments()) + 1 + 2) << "pool, its shared adapter, no orphan";
}

TEST_F(Lists, RemovingTheNameRemovesItAll) {
  append(20);
  append(21);
  build("some", {docs.id});
  EXPECT_EQ(store.find_index("some")->segments, 3);
  expect_error(ErrorCode::kInvalidArgument, [&] { store.remove_segment(docs.id); });
  std::vector<Digest> gone;
  store.on_erasure(
      [&](std::span<const Digest> more) { gone.insert(gone.end(), more.begin(), more.end()); });
  for (const char* name : {"ada", "bob", "cem"}) store.remove_profile(name);
  gone.clear();
  EXPECT_TRUE(store.remove_segment(docs.id));
  EXPECT_EQ(gone.size(), 4U) << "three contents and their index";
  EXPECT_FALSE(has_file(digest(20)));
  EXPECT_FALSE(has_file(docs.digest));
  EXPECT_FALSE(store.find_index("some").has_value());
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Lists, MergingMakesOneAndKeepsTheRights) {
  append(20);
  append(21);
  append(22);
  build("some", {docs.id});
  build("other", {plans.id});
  std::vector<Digest> gone;
  store.on_erasure(
      [&](std::span<const Digest> more) { gone.insert(gone.end(), more.begin(), more.end()); });
  std::vector<SegmentPiece> pieces;
  for (auto& content : store.load_list(docs.id)) pieces.push_back({std::move(content)});
  const Digest expected = join_segments(pieces)->digest();
  EXPECT_EQ(store.merge_segment(docs.id, {.contents = 4}).merged, 0) << "short enough";
  const MergedSegment merged = store.merge_segment(docs.id, {});
  EXPECT_EQ(merged.merged, 4);
  EXPECT_FALSE(merged.pending);
  EXPECT_EQ(merged.record.version, 5);
  EXPECT_THAT(digests(docs.id), ElementsAre(expected));
  EXPECT_EQ(store.load_list(docs.id)[0]->info().entries, 24);
  EXPECT_EQ(gone.size(), 5U) << "four contents and the index over them";
  for (const Digest& old : {docs.digest, digest(20), digest(21), digest(22)}) {
    EXPECT_FALSE(has_file(old));
  }
  EXPECT_FALSE(store.find_index("some").has_value());
  EXPECT_TRUE(store.find_index("other").has_value());
  EXPECT_EQ(store.find_profile("ada")->segments.front(), docs.id);
  EXPECT_EQ(store.merge_segment(docs.id, {}).merged, 0);
  EXPECT_EQ(append(20).contents, 2) << "it goes on";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Lists, MergingStopsAtTheSizeThatWasGiven) {
  for (std::uint64_t seed = 20; seed < 28; ++seed) append(seed, 40);
  const std::int64_t one = std::ssize(tiny_segment(20, 40)->serialise());
  store.merge_segment(docs.id, {.bytes = 3 * one});
  const std::vector<SegmentRecord> list = store.segment_list(docs.id);
  EXPECT_LT(list.size(), 6U);
  EXPECT_GT(list.size(), 2U);
  for (const SegmentRecord& content : list) EXPECT_LE(content.bytes, 3 * one);
  std::int64_t entries = 0;
  std::vector<std::int32_t> tokens;
  for (const auto& content : store.load_list(docs.id)) {
    entries += content->info().entries;
    tokens.insert(tokens.end(), content->tokens().begin(), content->tokens().end());
  }
  EXPECT_EQ(entries, 9 + 8 * 40);
  EXPECT_EQ(entries, list[0].list_entries);
  EXPECT_EQ(tokens[9 + 40], tiny_segment(21, 40)->tokens()[0]) << "in their order";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Lists, AMergeThatIsStoppedLeavesAWholeList) {
  for (std::uint64_t seed = 20; seed < 28; ++seed) append(seed, 40);
  const std::int64_t one = std::ssize(tiny_segment(20, 40)->serialise());
  AtFirstReport stop([] {});
  stop.stop = true;
  expect_error(ErrorCode::kInterrupted,
               [&] { store.merge_segment(docs.id, {.bytes = 2 * one, .progress = &stop}); });
  EXPECT_EQ(store.find_segment("docs")->list_entries, 329);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Lists, WhoAppendsWhileOthersMergeLosesNothing) {
  for (std::uint64_t seed = 20; seed < 24; ++seed) append(seed);
  AtFirstReport meanwhile([&] {
    Store other = Store::open(tiny.path, OpenMode::kReadWrite);
    other.append_segment(docs.id, *tiny_segment(30));
    other.merge_segment(docs.id, {});
    other.append_segment(docs.id, *tiny_segment(31));
  });
  store.merge_segment(docs.id, {.progress = &meanwhile});
  EXPECT_EQ(store.find_segment("docs")->list_entries, 9 + 6 * 5);
  EXPECT_EQ(store.find_segment("docs")->contents, 1);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Lists, AnIndexOfBeforeStaysAndLacksWhatCameLater) {
  const RecallIndexRecord before = build("some", {docs.id});
  append(20);
  EXPECT_EQ(store.find_index("some")->digest, before.digest);
  EXPECT_EQ(store.segments_to_index(store.draft_of(before)).size(), 2U);
  EXPECT_THAT(store.build_index(store.draft_of(before)).built, HasSubstr("1 are not in it"));
  EXPECT_EQ(store.find_index("some")->entries, 14);
  EXPECT_EQ(store.draft_of(*store.find_index("some")).segments, std::vector<SegmentId>{docs.id});
}

TEST_F(Lists, AnIndexIsBuiltAgainOverTheListItWasMeantFor) {
  append(20);
  store.append_segment(plans.id, *tiny_segment(20));
  const RecallIndexRecord index = build("plans", {plans.id});
  EXPECT_EQ(store.draft_of(index).segments, std::vector<SegmentId>{plans.id})
      << "docs has one of its contents too";
}

TEST_F(Lists, ABundleBringsTheListAndAppendsWhatIsMissing) {
  const std::string before = tiny.folder.file("before.pema");
  const std::string after = tiny.folder.file("after.pema");
  append(20);
  store.export_profile("ada", before);
  append(21);
  store.export_profile("ada", after);
  TinyStore to;
  to.store.import_profile(before, "early");
  const SegmentId there = to.store.find_segment("docs")->id;
  EXPECT_EQ(to.store.find_segment("docs")->contents, 2);
  to.store.import_profile(after);
  EXPECT_EQ(to.store.find_segment("docs")->contents, 3);
  EXPECT_EQ(to.store.find_segment("docs")->id, there);
  to.store.import_profile(before, "late");
  EXPECT_EQ(to.store.find_segment("docs")->contents, 3) << "a list may be ahead of a bundle";
  EXPECT_EQ(to.store.find_profile("late")->segments, to.store.find_profile("early")->segments);
  EXPECT_TRUE(to.store.verify().empty());
  to.store.merge_segment(there, {});
  expect_error(
      ErrorCode::kAlreadyExists, [&] { to.store.import_profile(after, "again"); }, "docs");
  EXPECT_FALSE(to.store.find_profile("again").has_value());
  TinyStore other;
  other.store.put_segment(*tiny_segment(1, 9), SegmentKind::kShared, "another");
  other.store.import_profile(after);
  EXPECT_EQ(other.store.find_segment("another")->contents, 1)
      << "a name of its own is not extended";
  EXPECT_EQ(other.store.find_segment("docs")->contents, 3);
  EXPECT_TRUE(other.store.verify().empty());
}

TEST_F(Lists, VerifyFindsAMissingPartAndRowsThatDoNotFit) {
  append(20);
  const std::vector<std::byte> bytes = read_bytes(store.object_path(digest(20)));
  std::filesystem::remove(store.object_path(digest(20)));
  ASSERT_EQ(store.verify(VerifyDepth::kQuick).size(), 1U);
  EXPECT_THAT(store.verify()[0].why, HasSubstr("missing"));
  write_bytes(store.object_path(digest(20)), bytes);
  EXPECT_TRUE(store.verify().empty());
  const auto database = tables_of(tiny.path);
  database->execute("UPDATE segment_part SET position = 7");
  ASSERT_EQ(store.verify().size(), 1U);
  EXPECT_THAT(store.verify()[0].why, HasSubstr("does not fit"));
  database->execute("UPDATE segment_part SET position = 1, entries = 6");
  ASSERT_EQ(store.verify().size(), 1U);
  EXPECT_THAT(store.verify()[0].why, HasSubstr("disagree"));
}

TEST_F(Lists, AStoreOfSchemaSixIsBroughtForwardAsItWas) {
  PEMA_REGISTRY_DB_ONLY("schema 6");
  const std::string old = tiny.folder.file("old");
  std::filesystem::create_directories(old);
  std::filesystem::copy(tiny.path + "/objects", old + "/objects",
                        std::filesystem::copy_options::recursive);
  {
    profiles::sqlite::Database database(old + "/registry.db", OpenMode::kCreate);
    profiles::create_schema(database, profiles::migrations().first(6));
    database.execute("ATTACH '" + tiny.registry() + "' AS new");
    for (const std::string table : {"model", "pool", "pool_block", "counter", "setting", "profile",
                                    "profile_name", "change"}) {
      const std::string columns =
          table == "pool" ? "id, name, version, digest, model, hidden, site, form, algebra, norm, "
                            "adapters, rank, mask_scale, recipe, shared, gate"
                          : "*";
      database.execute(message("DELETE FROM main.", table, "; INSERT INTO main.", table, " SELECT ",
                               columns, " FROM new.", table));
    }
    database.execute(
        "INSERT INTO main.segment SELECT id, name, kind, digest, model, site, hidden, vocab, "
        "entries, bytes, readers, keys, codebook, data_key FROM new.segment");
    // The last number given has no row any more.
    database.execute("UPDATE main.sqlite_sequence SET seq = 41 WHERE name = 'segment'");
  }
  Store brought = Store::open(old, OpenMode::kReadWrite);
  EXPECT_TRUE(brought.verify().empty());
  ASSERT_EQ(brought.segments().size(), store.segments().size());
  EXPECT_EQ(brought.find_segment("docs")->id, docs.id);
  EXPECT_EQ(brought.find_segment("docs")->version, 1);
  EXPECT_EQ(brought.find_segment("docs")->list_entries, 9);
  EXPECT_EQ(brought.find_profile("ada")->segments, store.find_profile("ada")->segments);
  EXPECT_EQ(brought.put_segment(*tiny_segment(50), SegmentKind::kShared, "new").id, SegmentId{42})
      << "a number is never given twice";
  EXPECT_EQ(brought.append_segment(docs.id, *tiny_segment(51)).contents, 2);
  EXPECT_TRUE(brought.verify().empty());
}

}  // namespace
}  // namespace pema::test
