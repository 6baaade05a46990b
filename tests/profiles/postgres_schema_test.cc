// The tables of a store in PostgreSQL.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "profiles/migrations.h"
#include "profiles/postgres/open.h"
#include "profiles/postgres/schema.h"
#include "profiles/sql/transaction.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::Migration;
using profiles::postgres::create_schema;
using profiles::postgres::Database;
using profiles::postgres::migrations;
using profiles::postgres::open_database;
using profiles::postgres::upgrade_schema;

struct PostgresSchemaTest : PostgresTest {
  std::string string;

  void SetUp() override {
    PostgresTest::SetUp();
    if (!IsSkipped()) string = shared_postgres().new_database();
  }
};

TEST_F(PostgresSchemaTest, AStoreIsCreatedOnceAndOpened) {
  for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly}) {
    expect_error(
        ErrorCode::kNotFound, [&] { static_cast<void>(open_database(string, mode)); }, "pema init");
  }
  const auto created = open_database(string, OpenMode::kCreate);
  expect_error(
      ErrorCode::kAlreadyExists,
      [&] { static_cast<void>(open_database(string, OpenMode::kCreate)); }, "already");
  const auto opened = open_database(string, OpenMode::kReadOnly);
  EXPECT_EQ(opened->integer("SELECT count(*) FROM profile"), 0);
  EXPECT_TRUE(opened->read_only());
}

TEST_F(PostgresSchemaTest, OneOfManyCreationsWins) {
  std::atomic<int> won = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      const auto error =
          error_of([&] { static_cast<void>(open_database(string, OpenMode::kCreate)); });
      if (!error) ++won;
      if (error && error->code() == ErrorCode::kAlreadyExists) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 4);
}

TEST_F(PostgresSchemaTest, StoresOfOneDatabaseLieInSchemasOfTheirOwn) {
  Database(string, OpenMode::kReadWrite).execute("CREATE SCHEMA one; CREATE SCHEMA two");
  for (const char* name : {"one", "two"}) {
    const auto store =
        open_database(string + "&options=-csearch_path%3D" + name, OpenMode::kCreate);
    EXPECT_EQ(store->integer("SELECT count(*) FROM model"), 0);
  }
  expect_error(ErrorCode::kNotFound,
               [&] { static_cast<void>(open_database(string, OpenMode::kReadWrite)); });
}

TEST_F(PostgresSchemaTest, MissingStepsAreRunTogetherOrNotAtAll) {
  const std::vector<Migration> old{{1, "CREATE TABLE a (i bigint)"}};
  const std::vector<Migration> bad{
      old[0], {2, "CREATE TABLE b (i bigint)"}, {3, "CREATE TABLE a (i bigint)"}};
  const std::vector<Migration> good{
      old[0], {2, "CREATE TABLE b (i bigint)"}, {3, "ALTER TABLE a ADD COLUMN j bigint"}};
  Database database(string, OpenMode::kCreate);
  create_schema(database, old);
  expect_error(ErrorCode::kAlreadyExists, [&] { upgrade_schema(database, bad); });
  expect_error(ErrorCode::kCorrupt,
               [&] { static_cast<void>(database.integer("SELECT count(*) FROM b")); });
  Database reader(string, OpenMode::kReadOnly);
  expect_error(
      ErrorCode::kUnsupported, [&] { upgrade_schema(reader, good); }, "for writing");
  upgrade_schema(database, good);
  EXPECT_EQ(database.integer("SELECT count(j) FROM a"), 0);
  EXPECT_EQ(database.integer("SELECT schema FROM pema_store"), 3);
  upgrade_schema(reader, good);
  expect_error(
      ErrorCode::kUnsupported, [&] { upgrade_schema(database, old); }, "newer pema");
}

TEST_F(PostgresSchemaTest, AStatementThatWasPreparedForOlderTablesIsPreparedAgain) {
  Database database(string, OpenMode::kCreate);
  database.execute("CREATE TABLE a (i bigint)");
  database.execute("INSERT INTO a (i) VALUES (1)");
  const auto columns = [&] {
    profiles::sql::Query row = database.query("SELECT * FROM a");
    EXPECT_TRUE(row->step());
    return row->null(0);
  };
  EXPECT_FALSE(columns());
  Database(string, OpenMode::kReadWrite).execute("ALTER TABLE a ADD COLUMN j bigint");
  EXPECT_FALSE(columns());
  database.execute("DEALLOCATE ALL");
  EXPECT_FALSE(columns());
}

TEST_F(PostgresSchemaTest, AStoreOfSchema8LearnsToKnowBackups) {
  Database database(string, OpenMode::kCreate);
  create_schema(database, migrations().first(1));
  EXPECT_EQ(database.integer("SELECT schema FROM pema_store"), 8);
  upgrade_schema(database, migrations());
  EXPECT_EQ(database.integer("SELECT schema FROM pema_store"), 9);
  EXPECT_EQ(database.integer("SELECT count(*) FROM backup_folder"), 0);
}

/// "table.column type" of every column; the type in this test's words.
std::set<std::string> columns_of(profiles::sql::Database& database, const char* sql) {
  static const std::map<std::string, std::string> kTypes{
      {"INTEGER", "integer"}, {"bigint", "integer"},
      {"REAL", "real"},       {"double precision", "real"},
      {"TEXT", "text"},       {"BLOB", "blob"},
      {"bytea", "blob"},      {"text", "text"}};
  std::set<std::string> columns;
  profiles::sql::Query row = database.query(sql);
  while (row->step()) {
    columns.insert(row->text(0) + "." + row->text(1) + " " + kTypes.at(row->text(2)));
  }
  return columns;
}

TEST_F(PostgresSchemaTest, TheTablesAreThoseOfSqlite) {
  const TemporaryFolder folder;
  profiles::sqlite::Database sqlite(folder.file("registry.db"), OpenMode::kCreate);
  profiles::create_schema(sqlite, profiles::migrations());
  ASSERT_EQ(migrations().back().version, profiles::migrations().back().version);
  const auto postgres = open_database(string, OpenMode::kCreate);
  EXPECT_EQ(columns_of(sqlite,
                       "SELECT t.name, c.name, c.type FROM sqlite_schema AS t JOIN "
                       "pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name NOT LIKE "
                       "'sqlite_%'"),
            columns_of(*postgres,
                       "SELECT table_name::text, column_name::text, data_type::text FROM "
                       "information_schema.columns WHERE table_schema = 'public' AND table_name "
                       "NOT LIKE 'pema_%'"));
}

TEST_F(PostgresSchemaTest, AMarkTellsWhoseTablesTheyAre) {
  const auto first = open_database(string, OpenMode::kCreate, "mine");
  const auto again = open_database(string, OpenMode::kCreate, "mine");  // after a crash
  EXPECT_EQ(again->integer("SELECT count(*) FROM profile"), 0);
  for (const char* mark : {"yours", ""}) {
    expect_error(ErrorCode::kAlreadyExists,
                 [&] { static_cast<void>(open_database(string, OpenMode::kCreate, mark)); });
  }
  static_cast<void>(open_database(string, OpenMode::kReadOnly, "mine"));
  expect_error(
      ErrorCode::kMismatch,
      [&] { static_cast<void>(open_database(string, OpenMode::kReadOnly, "yours")); },
      "another store");
}

TEST_F(PostgresSchemaTest, TheSchemaIsPlainAndItsHotTableHasNoForeignKeys) {
  const auto store = open_database(string, OpenMode::kCreate);
  EXPECT_EQ(store->integer(
                "SELECT count(*) FROM information_schema.table_constraints WHERE "
                "table_name IN ('profile', 'profile_name') AND constraint_type = 'FOREIGN KEY'"),
            0);
  EXPECT_EQ(store->integer(
                "SELECT count(*) FROM information_schema.routines WHERE routine_schema = 'public'"),
            0);
  EXPECT_EQ(store->integer(
                "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'public'"),
            0);
  EXPECT_EQ(migrations().front().version, 8);
}

}  // namespace
}  // namespace pema::test
