// Index files in a store: built over what was asked for, left alone while they are whole, built
// again and said when they are not; what a build that fails, is stopped or is killed leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pema/recall_index.h"
#include "profiles/migrations.h"
#include "tests/profiles/index_fixture.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

using Indexes = IndexTest;

std::vector<Digest> digests_of(std::vector<SegmentRecord> records) {
  std::vector<Digest> digests;
  for (const SegmentRecord& record : records) digests.push_back(record.digest);
  std::sort(digests.begin(), digests.end());
  return digests;
}

TEST_F(Indexes, OneIsBuiltListedAndLoaded) {
  const BuiltRecallIndex built = store.build_index(
      {.name = "team", .segments = {plans.id, docs.id, docs.id}, .wanted_recall = 0.95});
  EXPECT_THAT(built.built, HasSubstr("there was no index 'team'"));
  const RecallIndexRecord& record = built.record;
  EXPECT_EQ(record.model, tiny_model().fingerprint);
  EXPECT_EQ(record.wanted_recall, 0.95);
  EXPECT_EQ(record.hidden, 4);
  EXPECT_EQ(record.entries, 16);
  EXPECT_EQ(record.lists, 1);
  EXPECT_EQ(record.segments, 2);
  EXPECT_EQ(record.bytes, static_cast<std::int64_t>(
                              std::filesystem::file_size(store.object_path(record.digest))));
  EXPECT_EQ(store.index_segments(record.id), digests_of({docs, plans}));
  const RecallIndexInfo info = describe(*store.load_index(record));
  EXPECT_EQ(info.entries, 16);
  EXPECT_EQ(info.bytes, record.memory_bytes);
  ASSERT_EQ(store.indexes().size(), 1U);
  EXPECT_EQ(store.find_index("team")->digest, record.digest);
  EXPECT_FALSE(store.find_index("other").has_value());
  EXPECT_TRUE(store.verify().empty());
  EXPECT_EQ(staged(), 0);
}

TEST_F(Indexes, ScopesSayWhichSegments) {
  const auto held = [&](const RecallIndexDraft& draft) {
    return store.index_segments(store.build_index(draft).record.id);
  };
  EXPECT_EQ(held({.name = "pool", .scope = IndexScope::kPool, .pool = "main"}),
            digests_of({ada, bob}));
  EXPECT_EQ(held({.name = "all", .scope = IndexScope::kEverybody}),
            digests_of({docs, ada, bob, cem}));
  const SegmentRecord dan = enrol("dan", pool, 6);
  const RecallIndexDraft again = store.draft_of(*store.find_index("pool"));
  EXPECT_EQ(again.pool, "main");
  EXPECT_EQ(digests_of(store.segments_to_index(again)), digests_of({ada, bob, dan}));
  EXPECT_EQ(store.index_segments(store.find_index("pool")->id).size(), 2U)
      << "what comes later leaves an index as it is";
}

TEST_F(Indexes, CoverSaysWhichOfAListAnIndexHolds) {
  const std::vector<Digest> asked{cem.digest, docs.digest, plans.digest};
  EXPECT_TRUE(store.covering_indexes(asked).empty());
  build("none", {ada.id});
  build("one", {docs.id, bob.id});
  build_all("all");
  const std::vector<IndexCover> covers = store.covering_indexes(asked);
  ASSERT_EQ(covers.size(), 2U);
  EXPECT_EQ(covers[0].index.name, "one");
  EXPECT_EQ(covers[0].held, std::vector<std::size_t>{1});
  EXPECT_EQ(covers[1].index.name, "all");
  EXPECT_EQ(covers[1].held, (std::vector<std::size_t>{0, 1}));
  EXPECT_TRUE(store.covering_indexes({}).empty());
}

TEST_F(Indexes, AWholeOneIsLeftAloneAndTheOthersAreBuiltAgainAndSaid) {
  RecallIndexDraft draft{.name = "all", .scope = IndexScope::kEverybody};
  const RecallIndexRecord first = store.build_index(draft).record;
  const BuiltRecallIndex second = store.build_index(draft);
  EXPECT_EQ(second.built, "");
  EXPECT_EQ(second.record.id, first.id);

  draft.wanted_recall = 0.9;
  EXPECT_THAT(store.build_index(draft).built, HasSubstr("other options"));
  EXPECT_EQ(store.find_index("all")->wanted_recall, 0.9);
  EXPECT_TRUE(has_file(first.digest)) << "the same bytes as before";

  enrol("dan", pool, 6);
  EXPECT_THAT(store.build_index(draft).built,
              HasSubstr("made for 4 segments, of those that are meant now 1 are not in it"));
  EXPECT_FALSE(has_file(first.digest));
  const std::string path = store.object_path(store.find_index("all")->digest);
  std::filesystem::resize_file(path, 200);
  expect_error(ErrorCode::kCorrupt, [&] { (void)store.load_index(*store.find_index("all")); });
  EXPECT_THAT(store.build_index(draft).built, HasSubstr("damaged"));
  std::filesystem::remove(path);
  expect_error(ErrorCode::kNotFound, [&] { (void)store.load_index(*store.find_index("all")); });
  EXPECT_THAT(store.build_index(draft).built, HasSubstr("missing"));
  EXPECT_EQ(store.build_index(draft).built, "");
  EXPECT_EQ(store.indexes().size(), 1U);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Indexes, CodesAreThoseThatWereAskedForAndStay) {
  const RecallIndexDraft draft{.name = "all", .scope = IndexScope::kEverybody};
  const auto built = [&](const RecallIndexOptions& options) {
    const BuiltRecallIndex result = store.build_index(draft, options);
    const RecallIndexInfo info = describe(*store.load_index(result.record));
    EXPECT_EQ(info.bytes, result.record.memory_bytes);
    EXPECT_EQ(info.hidden, 4);
    EXPECT_EQ(info.lists, result.record.lists);
    return !result.built.empty();
  };
  const auto codes = [&] {
    const auto found = codes_in_file(store.object_path(store.find_index("all")->digest));
    return found ? std::pair(found->codes, found->bytes_per_key)
                 : std::pair(IndexCodes::kAuto, std::int64_t{0});
  };
  const auto product = [](std::int64_t bytes) { return std::pair(IndexCodes::kProduct, bytes); };
  const auto int8 = std::pair(IndexCodes::kInt8, std::int64_t{0});
  EXPECT_TRUE(built({.codes = IndexCodes::kProduct, .bytes_per_key = 2}));
  EXPECT_EQ(codes(), product(2));
  EXPECT_FALSE(built({})) << "any codes will do";
  EXPECT_FALSE(built({.codes = IndexCodes::kProduct, .bytes_per_key = 3})) << "in parts of 2 too";
  EXPECT_TRUE(built({.codes = IndexCodes::kProduct, .bytes_per_key = 4}));
  EXPECT_EQ(codes(), product(4));
  EXPECT_TRUE(built({.codes = IndexCodes::kProduct, .bytes_per_key = 2}));
  enrol("dan", pool, 6);
  EXPECT_TRUE(built({}));
  EXPECT_EQ(codes(), product(2)) << "as before";
  EXPECT_TRUE(built({.codes = IndexCodes::kInt8}));
  EXPECT_EQ(codes(), int8);
  EXPECT_FALSE(built({.codes = IndexCodes::kInt8}));
  const std::int64_t enough = 2 * 24 * store.find_index("all")->entries;
  EXPECT_FALSE(built({.memory_budget = enough}));
  EXPECT_TRUE(built({.bytes_per_key = 2, .memory_budget = enough - 1}));
  EXPECT_EQ(codes(), product(2));
  EXPECT_FALSE(built({.bytes_per_key = 2, .memory_budget = enough - 1}));
  expect_error(ErrorCode::kOverBudget, [&] { (void)built({.memory_budget = 100}); });
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)built({.bytes_per_key = 0}); });
  EXPECT_EQ(codes(), product(2)) << "what is refused changes nothing";
  std::filesystem::resize_file(store.object_path(store.find_index("all")->digest), 100);
  EXPECT_EQ(codes().first, IndexCodes::kAuto) << "the file does not say";
  EXPECT_TRUE(built({}));
  EXPECT_EQ(codes(), int8);
  EXPECT_TRUE(store.verify().empty());
  EXPECT_EQ(staged(), 0);
}

TEST_F(Indexes, TwoNamesMayHaveOneContent) {
  const RecallIndexRecord one = build("one", {docs.id});
  EXPECT_EQ(build("two", {docs.id}).digest, one.digest);
  EXPECT_TRUE(store.remove_index("one"));
  EXPECT_FALSE(store.remove_index("one"));
  EXPECT_TRUE(has_file(one.digest));
  EXPECT_TRUE(store.remove_index("two"));
  EXPECT_FALSE(has_file(one.digest));
}

TEST_F(Indexes, WhatMakesNoSenseIsRefused) {
  const auto refuse = [&](ErrorCode code, const RecallIndexDraft& draft, const char* says) {
    expect_error(
        code, [&] { (void)store.build_index(draft); }, says);
  };
  refuse(ErrorCode::kInvalidArgument, {.name = "", .segments = {docs.id}}, "name");
  refuse(ErrorCode::kInvalidArgument, {.name = "x", .segments = {docs.id}, .wanted_recall = 0},
         "wanted recall");
  refuse(ErrorCode::kInvalidArgument, {.name = "x", .segments = {docs.id}, .pool = "main"},
         "choose one");
  refuse(ErrorCode::kInvalidArgument, {.name = "x"}, "would hold nothing");
  refuse(ErrorCode::kNotFound, {.name = "x", .scope = IndexScope::kPool, .pool = "none"}, "'none'");
  refuse(ErrorCode::kNotFound, {.name = "x", .segments = {SegmentId{99}}}, "segment 99");
  EXPECT_TRUE(store.indexes().empty());
  Store reading = Store::open(tiny.path, OpenMode::kReadOnly);
  expect_error(
      ErrorCode::kIo, [&] { (void)reading.build_index({.name = "x", .segments = {docs.id}}); },
      "read-only");
}

TEST_F(Indexes, ASegmentThatIsErasedWhileItIsBuiltLeavesNothing) {
  const std::ptrdiff_t before = files();
  AtFirstReport erases([&] {
    Store other = Store::open(tiny.path, OpenMode::kReadWrite);
    EXPECT_GT(staged(), 0) << "opening leaves a folder alone in which somebody works";
    EXPECT_TRUE(other.remove_profile("ada"));
  });
  expect_error(
      ErrorCode::kNotFound,
      [&] {
        (void)store.build_index({.name = "all", .scope = IndexScope::kEverybody},
                                {.progress = &erases});
      },
      "was erased while the index was built");
  EXPECT_TRUE(store.indexes().empty());
  EXPECT_EQ(staged(), 0);
  EXPECT_EQ(files(), before - 1) << "her segment is gone, and no index has come";
}

TEST_F(Indexes, AStoppedBuildLeavesNothing) {
  AtFirstReport stops([&] { stops.stop = true; });
  expect_error(ErrorCode::kInterrupted, [&] {
    (void)store.build_index({.name = "docs", .segments = {docs.id}}, {.progress = &stops});
  });
  EXPECT_TRUE(store.indexes().empty());
  EXPECT_EQ(staged(), 0);
}

TEST_F(Indexes, WhatAKilledBuildLeavesGoesWithTheNextOpening) {
  const pid_t child = in_child([&]() -> int {
    Store own = Store::open(tiny.path, OpenMode::kReadWrite);
    AtFirstReport dies([&] { ::_exit(7); });
    (void)own.build_index({.name = "docs", .segments = {docs.id}}, {.progress = &dies});
    return 0;
  });
  EXPECT_EQ(status_of(child), 7);
  EXPECT_EQ(staged(), 1);
  (void)Store::open(tiny.path, OpenMode::kReadOnly);
  EXPECT_EQ(staged(), 1);
  (void)Store::open(tiny.path, OpenMode::kReadWrite);
  EXPECT_EQ(staged(), 0);
}

TEST_F(Indexes, AStoreOfTheSchemaBeforeGetsTheTables) {
  PEMA_REGISTRY_DB_ONLY("schema 3");
  TemporaryFolder folder;
  {
    profiles::sqlite::Database database(folder.file("registry.db"), OpenMode::kCreate);
    profiles::create_schema(database, profiles::migrations().first(3));
  }
  Store older = Store::open(folder.path(), OpenMode::kReadWrite);
  older.put_model(tiny_model(), "");
  const SegmentRecord segment = older.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");
  EXPECT_EQ(older.build_index({.name = "docs", .segments = {segment.id}}).record.entries, 5);
}

TEST_F(Indexes, ABundleCarriesNone) {
  build_all("all");
  store.export_profile("ada", tiny.folder.file("ada.pema"));
  TinyStore other;
  (void)other.store.import_profile(tiny.folder.file("ada.pema"));
  EXPECT_TRUE(other.store.indexes().empty());
}

}  // namespace
}  // namespace pema::test
