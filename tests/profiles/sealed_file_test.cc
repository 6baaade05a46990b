#include "profiles/sqlite/sealed_file.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "profiles/sqlite/transaction.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

using profiles::sqlite::Database;
using profiles::sqlite::page_seal;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kReserved = 20;  // offset of the header's byte

struct SealedFileTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("registry.db");

  void fill() {
    Database database(path, OpenMode::kCreate);
    database.execute(
        "CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB);"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300)"
        "INSERT INTO t SELECT x, randomblob(CASE x % 50 WHEN 0 THEN 9000 ELSE 100 END) FROM n;"
        "DELETE FROM t WHERE x BETWEEN 100 AND 180");
  }
  /// Reads every row's bytes.
  void read_all() const {
    Database database(path, OpenMode::kReadOnly);
    EXPECT_GT(database.integer("SELECT sum(length(hex(y))) FROM t"), 0);
  }
};

TEST_F(SealedFileTest, EveryPageOfANewFileHasItsSeal) {
  fill();
  const std::vector<std::byte> bytes = read_bytes(path);
  ASSERT_EQ(bytes.size() % kPage, 0U);
  ASSERT_GT(bytes.size() / kPage, 10U);
  EXPECT_EQ(bytes[kReserved], std::byte{profiles::sqlite::kSealBytes});
  for (std::size_t page = 0; page < bytes.size() / kPage; ++page) {
    std::uint64_t stored = 0;
    std::memcpy(&stored, bytes.data() + (page + 1) * kPage - 8, 8);
    EXPECT_EQ(stored, page_seal(std::span(bytes).subspan(page * kPage, kPage),
                                static_cast<std::int64_t>(page) + 1));
  }
}

TEST_F(SealedFileTest, AFlippedBitOfARowIsCorruptAndNoOtherRow) {
  fill();
  const std::vector<std::byte> whole = read_bytes(path);
  std::int64_t told = 0;
  for (std::size_t page = 1; page < whole.size() / kPage; ++page) {
    std::vector<std::byte> bad = whole;
    bad[page * kPage + 3000] ^= std::byte{16};
    write_bytes(path, bad);
    const std::optional<Error> error = error_of([&] { read_all(); });
    if (!error) continue;  // a free page, which nobody reads
    ++told;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
    EXPECT_THAT(error->what(), ::testing::HasSubstr("backup"));
  }
  EXPECT_GT(told, 8);
}

TEST_F(SealedFileTest, ExchangedPagesAreTold) {
  fill();
  std::vector<std::byte> bytes = read_bytes(path);
  std::int64_t told = 0;
  for (std::size_t page = 2; page + 1 < bytes.size() / kPage; page += 2) {
    std::vector<std::byte> bad = bytes;
    std::swap_ranges(bad.begin() + static_cast<std::ptrdiff_t>(page * kPage),
                     bad.begin() + static_cast<std::ptrdiff_t>((page + 1) * kPage),
                     bad.begin() + static_cast<std::ptrdiff_t>((page + 1) * kPage));
    write_bytes(path, bad);
    told += error_of([&] { read_all(); }).has_value() ? 1 : 0;
  }
  EXPECT_GT(told, 4);
}

TEST_F(SealedFileTest, FilesOfOlderStoresStayWithoutSeals) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
  sqlite3_exec(handle, "PRAGMA journal_mode=WAL; CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB)",
               nullptr, nullptr, nullptr);
  sqlite3_close(handle);
  const std::string copy = folder.file("copy.db");
  {
    Database database(path, OpenMode::kReadWrite);
    database.execute("INSERT INTO t VALUES (1, randomblob(3000)), (2, randomblob(9000))");
    const profiles::sqlite::Transaction snapshot(database,
                                                 profiles::sqlite::TransactionKind::kRead);
    EXPECT_EQ(database.integer("SELECT count(*) FROM t"), 2);
    database.copy_to(copy, [](std::int64_t, std::int64_t) {});
  }
  read_all();
  EXPECT_EQ(read_bytes(path)[kReserved], std::byte{0});
  EXPECT_EQ(read_bytes(copy)[kReserved], std::byte{0});
}

TEST_F(SealedFileTest, ACopyTakenFromTheLogIsSealed) {
  fill();
  const std::string copy = folder.file("copy.db");
  {
    Database database(path, OpenMode::kReadWrite);
    database.execute("UPDATE t SET y = randomblob(200)");  // in the log alone
    const profiles::sqlite::Transaction snapshot(database,
                                                 profiles::sqlite::TransactionKind::kRead);
    EXPECT_GT(database.integer("SELECT count(*) FROM t"), 0);
    database.copy_to(copy, [](std::int64_t, std::int64_t) {});
  }
  path = copy;
  read_all();
}

TEST(PageSeal, SeesEveryWordAndThePagesNumber) {
  std::vector<std::byte> page(kPage, std::byte{7});
  const std::uint64_t seal = page_seal(page, 5);
  EXPECT_NE(seal, page_seal(page, 6));
  for (std::size_t i = 0; i < kPage; i += 3) {
    page[i] ^= std::byte{1};
    EXPECT_EQ(page_seal(page, 5) != seal, i < kPage - 8) << i;
    page[i] ^= std::byte{1};
  }
}

}  // namespace
}  // namespace pema::test
