#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "pema/profile_reader.h"
#include "profiles/sqlite/database.h"
#include "tests/profiles/reader_fixture.h"

namespace pema::test {
namespace {

/// What only a reader of registry.db does.
using MappedReaderTest = ReaderFixture;

TEST_F(MappedReaderTest, LookUpsNeedNoStatementWhereverTheRowsAre) {
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

TEST_F(MappedReaderTest, ADamagedPageIsAnErrorAndNotAnotherProfile) {
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

TEST_F(MappedReaderTest, AnOpenReaderHoldsNothingUpBeforeItIsAsked) {
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

}  // namespace
}  // namespace pema::test
