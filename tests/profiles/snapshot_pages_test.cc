#include "profiles/sqlite/snapshot_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "profiles/sqlite/database.h"
#include "profiles/sqlite/page_gap.h"
#include "profiles/sqlite/transaction.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

using profiles::sqlite::Database;
using profiles::sqlite::SnapshotPages;

constexpr std::int64_t kMapped = std::int64_t{1} << 40;
constexpr std::size_t kPage = 4096;
constexpr std::ptrdiff_t kSeal = 8;

/// A reader's connection and its pages.
struct Reader {
  Database database;
  SnapshotPages pages;

  explicit Reader(const std::string& path)
      : database(path, OpenMode::kReadOnly), pages(database, kMapped) {}
  ~Reader() {
    pages.end();
    if (database.in_transaction()) database.rollback();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void begin() {
    database.execute("BEGIN");
    static_cast<void>(database.integer("SELECT count(*) FROM sqlite_schema"));
    pages.begin();
  }
  void end() {
    pages.end();
    database.execute("COMMIT");
  }
  std::int64_t count() { return database.integer("PRAGMA page_count"); }
};

struct SnapshotPagesTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("registry.db");

  void fill(int rows = 300) {
    Database database(path, OpenMode::kCreate);
    database.execute(message(
        "CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB);"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ",
        rows,
        ") INSERT INTO t SELECT x, randomblob(CASE x % 50 WHEN 0 THEN 9000 ELSE 100 END) FROM n"));
  }
  /// All pages of the reader's snapshot are those of a copy that SQLite makes of it.
  void expect_same(Reader& reader) {
    const std::string copy = folder.file("copy.db");
    reader.database.copy_to(copy, [](std::int64_t, std::int64_t) {});
    const std::vector<std::byte> expected = read_bytes(copy);
    ASSERT_EQ(expected.size() % kPage, 0U);
    for (std::size_t i = 0; i < expected.size() / kPage; ++i) {
      const auto found = reader.pages.page(static_cast<std::uint32_t>(i + 1));
      ASSERT_EQ(found.size(), kPage) << i;
      // A page in the log has whatever was in its unused room, and the seal it had before; the
      // first has counters of the copy.
      std::vector<std::byte> page(found.begin(), found.end());
      profiles::sqlite::zero_unused_room(page, i == 0);
      const std::ptrdiff_t from = i == 0 ? 100 : 0;
      ASSERT_TRUE(std::equal(page.begin() + from, page.end() - kSeal,
                             expected.begin() + static_cast<std::ptrdiff_t>(i * kPage) + from))
          << "page " << i + 1;
    }
  }
};

TEST_F(SnapshotPagesTest, AreThoseOfTheSnapshotWhateverOthersWriteAndMove) {
  fill();
  Database writer(path, OpenMode::kReadWrite, 1);  // a checkpoint does not wait for readers
  std::mt19937_64 random(11);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 2; ++i) readers.push_back(std::make_unique<Reader>(path));
  for (int step = 0; step < 300; ++step) {
    Reader& reader = *readers[random() % readers.size()];
    switch (random() % 8) {
      case 0:
      case 1:
        writer.execute(message("UPDATE t SET y = randomblob(100) WHERE x % 37 = ", random() % 37));
        break;
      case 2:
        writer.execute(message("DELETE FROM t WHERE x % 29 = ", random() % 29,
                               "; INSERT INTO t (y) SELECT randomblob(120) FROM t LIMIT 20"));
        break;
      case 3:
        writer.execute(random() % 2 == 0 ? "PRAGMA wal_checkpoint(PASSIVE)"
                                         : "PRAGMA wal_checkpoint(FULL)");
        break;
      case 4:
        static_cast<void>(writer.checkpoint());  // empties the log where nobody reads it
        break;
      case 5:
        if (random() % 10 == 0) writer.execute("VACUUM");
        break;
      default:
        if (reader.database.in_transaction()) reader.end();
        reader.begin();
    }
    if (reader.database.in_transaction()) expect_same(reader);
    if (HasFatalFailure()) FAIL() << "in step " << step;
  }
  EXPECT_GT(readers[0]->pages.compared(), 0);
}

TEST_F(SnapshotPagesTest, EachIsComparedOnceUntilItIsWritten) {
  fill(3000);
  Database writer(path, OpenMode::kReadWrite);
  Reader reader(path);
  const auto compared_by_reading_all = [&] {
    const std::int64_t before = reader.pages.compared();
    for (std::int64_t i = 1; i <= reader.count(); ++i) {
      EXPECT_FALSE(reader.pages.page(static_cast<std::uint32_t>(i)).empty());
    }
    return reader.pages.compared() - before;
  };
  reader.begin();
  const std::int64_t all = reader.count();
  EXPECT_EQ(compared_by_reading_all(), all);
  EXPECT_EQ(compared_by_reading_all(), 0);
  reader.end();
  reader.begin();
  EXPECT_EQ(compared_by_reading_all(), 0) << "nobody wrote";
  reader.end();
  // The log begins anew with the first commit after it was moved as a whole; all is compared once.
  writer.execute("UPDATE t SET y = x'00' WHERE x = 1");
  reader.begin();
  EXPECT_EQ(compared_by_reading_all(), all - 1) << "one is in the log";
  reader.end();
  Reader other(path);
  other.begin();  // keeps the log from beginning anew
  writer.execute("UPDATE t SET y = x'0000' WHERE x = 1; PRAGMA wal_checkpoint(PASSIVE)");
  reader.begin();
  EXPECT_LE(compared_by_reading_all(), 1);
  reader.end();
}

TEST_F(SnapshotPagesTest, ADamagedPageIsNotHadAndSqliteNamesIt) {
  fill();
  const std::vector<std::byte> whole = read_bytes(path);
  for (const std::size_t number : {std::size_t{3}, std::size_t{7}}) {
    std::vector<std::byte> bad = whole;
    bad[(number - 1) * kPage + 2000] ^= std::byte{1};
    write_bytes(path, bad);
    Reader reader(path);
    reader.begin();
    EXPECT_TRUE(reader.pages.page(static_cast<std::uint32_t>(number)).empty());
    EXPECT_FALSE(reader.pages.page(2).empty());
    expect_error(
        ErrorCode::kCorrupt,
        [&] { static_cast<void>(reader.database.integer("SELECT sum(length(hex(y))) FROM t")); },
        message("page ", number, " "));
  }
}

TEST_F(SnapshotPagesTest, AFileThatWasCutShortHasNoPagesBehindItsEnd) {
  fill();
  const auto pages = static_cast<std::uint32_t>(std::filesystem::file_size(path) / kPage);
  Reader reader(path);
  reader.begin();
  EXPECT_TRUE(reader.pages.page(pages + 1).empty());
  EXPECT_FALSE(reader.pages.page(2).empty());
  // While the snapshot is held: what was not looked at yet is read before it is touched.
  std::filesystem::resize_file(path, (pages - 6) * kPage);
  EXPECT_TRUE(reader.pages.page(pages - 4).empty());
  EXPECT_FALSE(reader.pages.page(2).empty());
}

TEST_F(SnapshotPagesTest, AreHadWithoutLocksToo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root writes to every folder";
  fill();
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  {
    Reader reader(path);
    ASSERT_TRUE(reader.database.immutable());
    reader.begin();
    EXPECT_FALSE(reader.pages.page(2).empty());
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

TEST_F(SnapshotPagesTest, NothingIsHadWithoutASnapshotOrAMapping) {
  fill();
  Reader reader(path);
  EXPECT_TRUE(reader.pages.page(1).empty());
  reader.begin();
  EXPECT_TRUE(reader.pages.page(0).empty());
  EXPECT_TRUE(reader.pages.page(1'000'000).empty());
  SnapshotPages none(reader.database, 0);
  none.begin();
  EXPECT_TRUE(none.page(1).empty());
  SnapshotPages few(reader.database, 4 * static_cast<std::int64_t>(kPage));
  few.begin();
  EXPECT_FALSE(few.page(4).empty());
  EXPECT_TRUE(few.page(5).empty());
  reader.end();
  EXPECT_TRUE(reader.pages.page(1).empty());
}

}  // namespace
}  // namespace pema::test
