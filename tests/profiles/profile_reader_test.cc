#include "pema/profile_reader.h"

#include <gtest/gtest.h>

#include "profiles/sqlite/database.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct ProfileReaderTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;
  ProfileRecord record;

  void put(const std::string& name, double lambda) {
    ProfileDraft draft = draft_of(name, pool);
    draft.schedule.lambda_max = lambda;
    store.put_profile(draft, OnExisting::kReplace);
  }
  static double lambda(ProfileReader& reader, const std::string& name) {
    ProfileRecord found;
    return reader.find(name, found) ? found.schedule.lambda_max : -1.0;
  }
};

TEST_F(ProfileReaderTest, FindsWhatTheStoreFinds) {
  put("ada", 0.5);
  put("bob", 0.25);
  for (const std::int64_t resident : {std::int64_t{0}, std::int64_t{1} << 20}) {
    ProfileReader reader = ProfileReader::open(tiny.path, {.resident_bytes = resident});
    for (int round = 0; round < 2; ++round) {
      for (const char* name : {"ada", "bob"}) {
        const ProfileRecord expected = *store.find_profile(name);
        ASSERT_TRUE(reader.find(name, record));
        EXPECT_EQ(record.id, expected.id);
        EXPECT_EQ(record.name, name);
        EXPECT_EQ(record.generation, expected.generation);
        EXPECT_EQ(record.pool, expected.pool);
        EXPECT_EQ(record.mask, expected.mask);
        EXPECT_EQ(record.schedule, expected.schedule);
        ASSERT_TRUE(reader.find(expected.id, record));
        EXPECT_EQ(record.name, "") << "not by number, resident or not";
        EXPECT_EQ(record.mask, expected.mask);
      }
    }
    EXPECT_FALSE(reader.find("cat", record));
    EXPECT_FALSE(reader.find(ProfileId{99}, record));
    EXPECT_EQ(reader.stats().hits, resident > 0 ? 6 : 0);
  }
}

TEST_F(ProfileReaderTest, ASnapshotStaysAsItWasUntilItIsRefreshed) {
  put("ada", 0.5);
  put("bob", 0.5);
  put("cat", 0.5);
  ProfileReader reader = ProfileReader::open(tiny.path);
  EXPECT_EQ(lambda(reader, "ada"), 0.5);
  EXPECT_FALSE(reader.stale());
  EXPECT_FALSE(reader.refresh());
  put("ada", 0.75);
  put("bob", 0.75);
  store.remove_profile("cat");
  put("dan", 0.75);
  EXPECT_TRUE(reader.stale());
  EXPECT_EQ(lambda(reader, "ada"), 0.5) << "resident";
  EXPECT_EQ(lambda(reader, "bob"), 0.5) << "read in the snapshot";
  EXPECT_EQ(lambda(reader, "cat"), 0.5);
  EXPECT_EQ(lambda(reader, "dan"), -1.0);
  EXPECT_TRUE(reader.refresh());
  EXPECT_FALSE(reader.stale());
  EXPECT_EQ(lambda(reader, "ada"), 0.75);
  EXPECT_EQ(lambda(reader, "bob"), 0.75);
  EXPECT_EQ(lambda(reader, "cat"), -1.0);
  EXPECT_EQ(lambda(reader, "dan"), 0.75);
  EXPECT_EQ(reader.stats().dropped, 3);
}

TEST_F(ProfileReaderTest, OnlyWhatChangedIsForgotten) {
  put("ada", 0.5);
  put("bob", 0.5);
  ProfileReader reader = ProfileReader::open(tiny.path);
  EXPECT_EQ(reader.preload(), 2);
  put("ada", 0.75);
  put("new", 0.75);
  reader.refresh();
  const std::int64_t before = reader.stats().misses;
  EXPECT_EQ(lambda(reader, "bob"), 0.5);
  EXPECT_EQ(reader.stats().misses, before);
  EXPECT_EQ(lambda(reader, "ada"), 0.75);
  EXPECT_EQ(reader.stats().misses, before + 1);
}

TEST_F(ProfileReaderTest, ALogOfChangesWithAGapForgetsEverything) {
  put("ada", 0.5);
  put("bob", 0.5);
  ProfileReader reader = ProfileReader::open(tiny.path);
  reader.preload();
  put("ada", 0.75);
  put("ada", 0.25);
  profiles::sqlite::Database(tiny.registry(), OpenMode::kReadWrite)
      .execute("DELETE FROM change WHERE sequence = (SELECT min(sequence) FROM change)");
  reader.refresh();
  EXPECT_EQ(reader.stats().resident, 0);
  EXPECT_EQ(lambda(reader, "ada"), 0.25);
}

TEST_F(ProfileReaderTest, ARemovedNameThatComesBackIsSomebodyElse) {
  put("ada", 0.5);
  ProfileReader reader = ProfileReader::open(tiny.path);
  EXPECT_EQ(lambda(reader, "ada"), 0.5);
  store.remove_profile("ada");
  put("ada", 0.125);
  reader.refresh();
  EXPECT_TRUE(reader.find("ada", record));
  EXPECT_EQ(record.schedule.lambda_max, 0.125);
  EXPECT_EQ(record.generation, 2);
}

TEST_F(ProfileReaderTest, AReleasedReaderSeesThePresentAndHoldsNothingUp) {
  put("ada", 0.5);
  ProfileReader reader = ProfileReader::open(tiny.path);
  EXPECT_EQ(lambda(reader, "ada"), 0.5);
  reader.release();
  EXPECT_EQ(lambda(reader, "ada"), 0.5);
  EXPECT_EQ(reader.stats().hits, 1);
  reader.release();
  put("ada", 0.75);
  EXPECT_EQ(lambda(reader, "ada"), 0.75);
  reader.release();
  store.remove_profile("ada");
  EXPECT_EQ(std::filesystem::file_size(tiny.registry() + "-wal"), 0U)
      << "the log is folded in although a reader is open";
  EXPECT_EQ(lambda(reader, "ada"), -1.0);
}

TEST_F(ProfileReaderTest, AnotherProcessWritesWhileItReads) {
  TemporaryFolder folder;
  const std::string path = folder.file("store");
  {
    Store made = Store::open(path, OpenMode::kCreate);
    made.put_model(tiny_model(), "");
    made.put_pool("main", tiny_pool({tiny_block(1)}));
  }
  // Both profiles of a transaction always have the same lambda.
  const pid_t writer = in_child([&] {
    Store mine = Store::open(path, OpenMode::kReadWrite);
    for (int i = 1; i <= 200; ++i) {
      std::vector<ProfileDraft> drafts{draft_of("ada", PoolId{1}), draft_of("bob", PoolId{1})};
      for (ProfileDraft& draft : drafts) draft.schedule.lambda_max = i / 1e4;
      mine.put_profiles(drafts, OnExisting::kReplace);
    }
    return 0;
  });
  ProfileReader reader = ProfileReader::open(path);
  double last = -1;
  while (last < 200 / 1e4) {
    reader.refresh();
    const double ada = lambda(reader, "ada");
    ASSERT_EQ(lambda(reader, "bob"), ada);
    ASSERT_GE(ada, last);
    last = ada;
  }
  EXPECT_EQ(status_of(writer), 0);
}

TEST_F(ProfileReaderTest, LookUpsNeedNoStatementWhereverTheRowsAre) {
  for (int i = 0; i < 500; ++i) put(message("name ", i), 0.5);
  ProfileReader mapped = ProfileReader::open(tiny.path, {.resident_bytes = 0});
  ProfileReader copied = ProfileReader::open(tiny.path, {.resident_bytes = 0, .mapped_bytes = 0});
  const auto expect_same = [&] {
    mapped.refresh();
    copied.refresh();
    for (int i = 0; i < 510; ++i) {
      const std::string name = message("name ", i);
      ProfileRecord other;
      const bool there = copied.find(name, other);
      ASSERT_EQ(mapped.find(name, record), there) << name;
      if (!there) continue;
      EXPECT_EQ(record.id, other.id);
      EXPECT_EQ(record.generation, other.generation);
      EXPECT_EQ(record.mask, other.mask);
      EXPECT_EQ(record.schedule, other.schedule);
      ASSERT_TRUE(mapped.find(other.id, record));
      EXPECT_EQ(record.mask, other.mask);
    }
    EXPECT_FALSE(mapped.find(ProfileId{100'000}, record));
  };
  expect_same();  // most of it in the file
  for (int i = 0; i < 500; i += 3) put(message("name ", i), 0.25);
  for (int i = 1; i < 500; i += 7) store.remove_profile(message("name ", i));
  put("name 505", 0.125);
  expect_same();  // much of it in the log
  mapped.release();
  copied.release();
  profiles::sqlite::Database(tiny.registry(), OpenMode::kReadWrite)
      .execute("CREATE TABLE other (x); VACUUM");  // the trees begin elsewhere
  expect_same();
  EXPECT_EQ(mapped.stats().mapped, mapped.stats().misses);
  EXPECT_EQ(copied.stats().mapped, 0);
  EXPECT_EQ(copied.stats().misses, 3 * 510);
}

TEST_F(ProfileReaderTest, ADamagedPageIsAnErrorAndNotAnotherProfile) {
  for (int i = 0; i < 300; ++i) put(message("name ", i), 0.5);
  store = Store::open(tiny.folder.file("other"), OpenMode::kCreate);  // the log is folded in
  const std::vector<std::byte> whole = read_bytes(tiny.registry());
  int told = 0;
  for (std::size_t at = 4096 + 3000; at < whole.size(); at += 4096) {
    std::vector<std::byte> bad = whole;
    bad[at] ^= std::byte{4};
    write_bytes(tiny.registry(), bad);
    const std::optional<Error> error = error_of([&] {
      ProfileReader reader = ProfileReader::open(tiny.path, {.resident_bytes = 0});
      for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(reader.find(message("name ", i), record));
        EXPECT_EQ(record.schedule.lambda_max, 0.5);
        EXPECT_EQ(record.mask, draft_of("", pool).mask);
      }
    });
    if (!error) continue;  // a page of something else
    ++told;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
    EXPECT_THAT(error->what(), ::testing::HasSubstr(message("page ", at / 4096 + 1, " ")));
  }
  EXPECT_GT(told, 5);
}

TEST_F(ProfileReaderTest, AnOpenReaderHoldsNothingUpBeforeItIsAsked) {
  put("ada", 0.5);
  ProfileReader reader = ProfileReader::open(tiny.path);
  EXPECT_TRUE(reader.stale()) << "nothing was looked at yet";
  EXPECT_EQ(reader.stats().refreshes, 0);
  store.remove_profile("ada");
  EXPECT_EQ(std::filesystem::file_size(tiny.registry() + "-wal"), 0U);
  put("bob", 0.5);
  EXPECT_EQ(reader.preload(), 1);
  store.remove_profile("bob");
  EXPECT_EQ(std::filesystem::file_size(tiny.registry() + "-wal"), 0U)
      << "nor once it has preloaded";
  EXPECT_EQ(lambda(reader, "bob"), -1.0);
}

TEST_F(ProfileReaderTest, DamageNamesTheProfile) {
  put("ada", 0.5);
  profiles::sqlite::Database(tiny.registry(), OpenMode::kReadWrite)
      .execute("UPDATE profile SET data = x'ff'");
  ProfileReader reader = ProfileReader::open(tiny.path);
  for (int i = 0; i < 2; ++i) {
    expect_error(
        ErrorCode::kCorrupt, [&] { static_cast<void>(reader.find("ada", record)); },
        "profile 'ada'");
  }
}

}  // namespace
}  // namespace pema::test
