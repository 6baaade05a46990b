#include <gtest/gtest.h>

#include <optional>

#include "profiles/sqlite/database.h"
#include "profiles/sqlite/transaction.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

using profiles::sqlite::Database;
using profiles::sqlite::Query;
using profiles::sqlite::Transaction;

struct SqliteTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("test.db");
  Database database{path, OpenMode::kCreate};

  SqliteTest() { database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v ANY) STRICT"); }
  std::int64_t rows() { return database.integer("SELECT count(*) FROM t"); }
  void insert(std::int64_t value) {
    database.query("INSERT INTO t (v) VALUES (?1)")->bind(1, value).run();
  }
};

TEST_F(SqliteTest, ValuesOfEveryTypeSurvive) {
  const std::string text("a b", 3);
  const std::vector<std::byte> blob{std::byte{0}, std::byte{255}};
  const auto insert_value = [&](auto value) {
    database.query("INSERT INTO t (v) VALUES (?1)")->bind(1, value).run();
  };
  insert_value(std::int64_t{INT64_MIN});
  insert_value(0.1);
  insert_value(std::string_view(text));
  insert_value(std::span<const std::byte>(blob));
  insert_value(sha256("x"));
  database.query("INSERT INTO t (v) VALUES (?1)")->bind_null(1).run();
  insert_value(std::string_view());
  insert_value(std::span<const std::byte>());

  Query row = database.query("SELECT v FROM t ORDER BY id");
  ASSERT_TRUE(row->step());
  EXPECT_EQ(row->integer(0), INT64_MIN);
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(row->text(0)); }, "another type");
  ASSERT_TRUE(row->step());
  EXPECT_EQ(row->real(0), 0.1);
  ASSERT_TRUE(row->step());
  EXPECT_EQ(row->text(0), text);
  ASSERT_TRUE(row->step());
  EXPECT_EQ(std::vector<std::byte>(row->blob(0).begin(), row->blob(0).end()), blob);
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(row->digest(0)); }, "32");
  ASSERT_TRUE(row->step());
  EXPECT_EQ(row->digest(0), sha256("x"));
  ASSERT_TRUE(row->step());
  EXPECT_TRUE(row->null(0));
  ASSERT_TRUE(row->step());
  EXPECT_EQ(row->text(0), "");
  EXPECT_FALSE(row->null(0));
  ASSERT_TRUE(row->step());
  EXPECT_TRUE(row->blob(0).empty());
  EXPECT_FALSE(row->step());
}

TEST_F(SqliteTest, AStatementIsReusedAndForgetsItsBindings) {
  insert(7);
  for (int i = 0; i < 3; ++i) {
    Query row = database.query("SELECT v FROM t WHERE v = ?1");
    EXPECT_EQ(row->bind(1, std::int64_t{7}).step(), true);
  }
  EXPECT_FALSE(database.query("SELECT v FROM t WHERE v = ?1")->step());
}

TEST_F(SqliteTest, OneStatementIsNotUsedTwiceAtOnce) {
  Query first = database.query("SELECT v FROM t");
  expect_error(ErrorCode::kInternal, [&] { static_cast<void>(database.query("SELECT v FROM t")); });
}

TEST_F(SqliteTest, AnUnknownTableIsADamagedSchema) {
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(database.query("SELECT x FROM missing")); },
      path);
}

TEST_F(SqliteTest, ABrokenConstraintIsInternal) {
  insert(1);
  expect_error(
      ErrorCode::kInternal, [&] { database.execute("INSERT INTO t (id, v) VALUES (1, 2)"); },
      "pema verify");
}

TEST_F(SqliteTest, ATransactionIsRolledBackByItsScope) {
  {
    Transaction transaction(database);
    insert(1);
    EXPECT_EQ(rows(), 1);
  }
  EXPECT_EQ(rows(), 0);
  EXPECT_FALSE(database.in_transaction());
}

TEST_F(SqliteTest, ATransactionIsRolledBackByAnException) {
  try {
    Transaction transaction(database);
    insert(1);
    throw std::runtime_error("stop");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(rows(), 0);
  }
}

TEST_F(SqliteTest, ACommitStaysAndIsNotRepeated) {
  {
    Transaction transaction(database);
    insert(1);
    transaction.commit();
    expect_error(ErrorCode::kInternal, [&] { transaction.commit(); });
  }
  EXPECT_EQ(rows(), 1);
}

TEST_F(SqliteTest, AHeldLockIsBusyAndNothingIsBegun) {
  Database other(path, OpenMode::kReadWrite, 50);
  Transaction held(database);
  expect_error(
      ErrorCode::kBusy, [&] { Transaction second(other); }, path);
  EXPECT_FALSE(other.in_transaction());
  insert(1);
  held.commit();
  Transaction now(other);
  EXPECT_TRUE(other.in_transaction());
}

TEST_F(SqliteTest, ReadersSeeTheStateBeforeAnOpenWrite) {
  Database other(path, OpenMode::kReadOnly);
  Transaction transaction(database);
  insert(1);
  EXPECT_EQ(other.integer("SELECT count(*) FROM t"), 0);
  transaction.commit();
  EXPECT_EQ(other.integer("SELECT count(*) FROM t"), 1);
}

TEST_F(SqliteTest, AReadOnlyConnectionRefusesToWrite) {
  Database other(path, OpenMode::kReadOnly);
  expect_error(
      ErrorCode::kIo, [&] { other.execute("INSERT INTO t (v) VALUES (1)"); }, "read-only");
}

TEST_F(SqliteTest, AFullDatabaseIsDiskFull) {
  database.execute("PRAGMA max_page_count=8");
  expect_error(
      ErrorCode::kDiskFull,
      [&] {
        Transaction transaction(database);
        for (int i = 0; i < 100; ++i) {
          database.execute("INSERT INTO t (v) VALUES (randomblob(4000))");
        }
        transaction.commit();
      },
      "free space");
  EXPECT_EQ(rows(), 0);
}

TEST_F(SqliteTest, MissingFilesAndFoldersAreTold) {
  expect_error(ErrorCode::kNotFound,
               [&] { Database missing(folder.file("none.db"), OpenMode::kReadWrite); });
  expect_error(
      ErrorCode::kIo, [&] { Database missing(folder.file("no/such.db"), OpenMode::kCreate); },
      "no/such.db");
  expect_error(ErrorCode::kIo, [&] { Database dir(folder.path(), OpenMode::kReadWrite); });
}

TEST_F(SqliteTest, AFileThatIsNoDatabaseIsCorrupt) {
  const std::string other = folder.file("text.db");
  write_bytes(other, bytes_of(std::string(5000, 'x')));
  for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly, OpenMode::kCreate}) {
    expect_error(
        ErrorCode::kCorrupt, [&] { Database database2(other, mode); }, "backup");
  }
}

}  // namespace
}  // namespace pema::test
