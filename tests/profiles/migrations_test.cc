#include "profiles/migrations.h"

#include <gtest/gtest.h>

#include "profiles/sqlite/transaction.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

using profiles::Migration;
using profiles::sqlite::Database;

constexpr Migration kFirst[] = {{1, "CREATE TABLE a (x INTEGER);"}};
constexpr Migration kSecond[] = {
    {1, "CREATE TABLE a (x INTEGER);"},
    {2, "ALTER TABLE a ADD COLUMN y INTEGER; CREATE TABLE b (z INTEGER);"}};
constexpr Migration kBroken[] = {
    {1, "CREATE TABLE a (x INTEGER);"},
    {2, "ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO nowhere VALUES (1);"}};

struct MigrationsTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("registry.db");

  void create() {
    Database database(path, OpenMode::kCreate);
    profiles::create_schema(database, kFirst);
    database.execute("INSERT INTO a VALUES (7)");
  }
  static std::int64_t columns(Database& database) {
    return database.integer("SELECT count(*) FROM pragma_table_info('a')");
  }
};

TEST_F(MigrationsTest, TheEmbeddedSchemaCountsFromOne) {
  std::int64_t expected = 1;
  for (const Migration& step : profiles::migrations()) {
    EXPECT_EQ(step.version, expected++);
    EXPECT_NE(step.sql.find(" TABLE "), std::string_view::npos);
  }
  EXPECT_GT(expected, 1);
}

TEST_F(MigrationsTest, AnOlderSchemaIsBroughtForwardWithItsRows) {
  create();
  Database database(path, OpenMode::kReadWrite);
  profiles::upgrade_schema(database, kSecond);
  EXPECT_EQ(database.integer("PRAGMA user_version"), 2);
  EXPECT_EQ(database.integer("SELECT x FROM a"), 7);
  EXPECT_EQ(columns(database), 2);
  profiles::upgrade_schema(database, kSecond);
  EXPECT_EQ(database.integer("PRAGMA user_version"), 2);
}

TEST_F(MigrationsTest, AFailedStepLeavesTheOldSchema) {
  create();
  Database database(path, OpenMode::kReadWrite);
  EXPECT_TRUE(error_of([&] { profiles::upgrade_schema(database, kBroken); }).has_value());
  EXPECT_EQ(database.integer("PRAGMA user_version"), 1);
  EXPECT_EQ(columns(database), 1);
  profiles::upgrade_schema(database, kSecond);
  EXPECT_EQ(columns(database), 2);
}

TEST_F(MigrationsTest, AProcessThatDiesHalfWayLeavesTheOldSchema) {
  create();
  const pid_t child = in_child([&] {
    auto* database = new Database(path, OpenMode::kReadWrite);
    new profiles::sqlite::Transaction(*database);
    database->execute("ALTER TABLE a ADD COLUMN y INTEGER; PRAGMA user_version=2");
    return 7;  // leaves without commit or close
  });
  EXPECT_EQ(status_of(child), 7);
  Database database(path, OpenMode::kReadWrite);
  EXPECT_EQ(database.integer("PRAGMA user_version"), 1);
  EXPECT_EQ(columns(database), 1);
  profiles::upgrade_schema(database, kSecond);
  EXPECT_EQ(columns(database), 2);
}

TEST_F(MigrationsTest, ReadOnlyDoesNotMigrate) {
  create();
  Database database(path, OpenMode::kReadOnly);
  expect_error(
      ErrorCode::kUnsupported, [&] { profiles::upgrade_schema(database, kSecond); }, "for writing");
}

TEST_F(MigrationsTest, ANewerSchemaIsRefused) {
  TinyStore tiny;
  {
    Database database(tiny.registry(), OpenMode::kReadWrite);
    database.execute("PRAGMA user_version=99");
  }
  for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly}) {
    expect_error(
        ErrorCode::kUnsupported, [&] { static_cast<void>(Store::open(tiny.path, mode)); }, "99");
  }
}

TEST_F(MigrationsTest, ASecondCreationIsRefused) {
  TinyStore tiny;
  expect_error(
      ErrorCode::kAlreadyExists,
      [&] { static_cast<void>(Store::open(tiny.path, OpenMode::kCreate)); }, tiny.path);
  EXPECT_EQ(tiny.store.models().size(), 1U);
}

TEST_F(MigrationsTest, OtherProgramsDatabasesAreRefused) {
  {
    Database database(path, OpenMode::kCreate);
    database.execute("CREATE TABLE other (x); PRAGMA application_id=5");
  }
  for (const OpenMode mode : {OpenMode::kCreate, OpenMode::kReadWrite, OpenMode::kReadOnly}) {
    expect_error(
        ErrorCode::kUnsupported, [&] { static_cast<void>(Store::open(folder.path(), mode)); },
        "another program");
  }
}

TEST_F(MigrationsTest, AnEmptyFileIsCorruptAndCanBeCreatedAgain) {
  write_bytes(path, {});
  expect_error(
      ErrorCode::kCorrupt,
      [&] { static_cast<void>(Store::open(folder.path(), OpenMode::kReadWrite)); }, "cut short");
  EXPECT_TRUE(Store::open(folder.path(), OpenMode::kCreate).models().empty());
}

TEST_F(MigrationsTest, NoStoreIsNotFound) {
  for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly}) {
    expect_error(
        ErrorCode::kNotFound, [&] { static_cast<void>(Store::open(folder.file("none"), mode)); },
        "pema init");
  }
  EXPECT_EQ(folder.entries(), 0);
}

}  // namespace
}  // namespace pema::test
