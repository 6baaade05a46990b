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

TEST_F(PostgresSchemaTest, TheTablesAreThoseOfSchemaThreeOfSqlite) {
  const TemporaryFolder folder;
  profiles::sqlite::Database sqlite(folder.file("registry.db"), OpenMode::kCreate);
  profiles::create_schema(sqlite, profiles::migrations().first(3));
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

TEST_F(PostgresSchemaTest, TheRegistrysStatementsRunOnItsTables) {
  const auto store = open_database(string, OpenMode::kCreate);
  for (const char* sql :
       {"SELECT pool.id, pool.name, version, digest, model.fingerprint, pool.hidden, site, form, "
        "algebra, norm, adapters, rank, mask_scale, recipe, shared, gate FROM pool JOIN model ON "
        "model.id = pool.model WHERE pool.name = ?1 AND (?2 = 0 OR version = ?2) ORDER BY version "
        "DESC LIMIT 1",
        "SELECT codebook.id, codebook.name, digest, model.fingerprint, site, codebook.hidden, "
        "parts, bytes, (SELECT count(*) FROM segment WHERE segment.codebook = codebook.id) FROM "
        "codebook JOIN model ON model.id = codebook.model ORDER BY codebook.id",
        "SELECT segment.id, segment.name, kind, segment.digest, model.fingerprint, segment.site, "
        "segment.hidden, segment.vocab, entries, segment.bytes, keys, codebook.digest, "
        "codebook.parts FROM segment JOIN model ON model.id = segment.model LEFT JOIN codebook ON "
        "codebook.id = segment.codebook WHERE ?1 < 0 OR kind = ?1 ORDER BY segment.id",
        "SELECT object FROM pool_block WHERE pool = ?1 ORDER BY position",
        "DELETE FROM codebook WHERE id = ?1 AND name IS NULL AND NOT EXISTS (SELECT 1 FROM segment "
        "WHERE segment.codebook = ?1) RETURNING digest",
        "DELETE FROM segment WHERE id = ?1 AND kind = 0 AND readers = 0 RETURNING digest, codebook",
        "UPDATE segment SET readers = readers + ?2 WHERE id = ?1",
        "UPDATE profile SET generation = ?2, pool = ?3, schedule = ?4, segments = ?5, mask = ?6 "
        "WHERE name = ?1",
        "DELETE FROM profile WHERE name = ?1 RETURNING generation, segments",
        "DELETE FROM removed WHERE name_hash = ?1 RETURNING generation",
        "SELECT id, name, generation, pool, schedule, segments, mask FROM profile WHERE name > ?1 "
        "ORDER BY name LIMIT ?2"}) {
    EXPECT_FALSE(store->query(sql)->step()) << sql;
  }
  store
      ->query(
          "INSERT INTO model (fingerprint, name, architecture, hidden, vocab, path) VALUES (?1, "
          "?2, ?3, ?4, ?5, ?6) RETURNING id")
      ->bind(1, sha256("model"))
      .bind(2, std::string_view("tiny"))
      .bind(3, std::string_view("llama"))
      .bind(4, std::int64_t{4})
      .bind(5, std::int64_t{50})
      .bind(6, std::string_view())
      .run();
  const std::vector<std::byte> hash(16);
  for (const std::int64_t generation : {3, 2, 5, 4}) {
    store
        ->query(
            "INSERT INTO removed (name_hash, generation) VALUES (?1, ?2) ON CONFLICT (name_hash) "
            "DO UPDATE SET generation = CASE WHEN excluded.generation > removed.generation THEN "
            "excluded.generation ELSE removed.generation END")
        ->bind(1, hash)
        .bind(2, generation)
        .run();
  }
  EXPECT_EQ(store->integer("SELECT generation FROM removed"), 5);
  for (int i = 0; i < 2; ++i) {
    store->query("INSERT INTO doomed (object) VALUES (?1) ON CONFLICT DO NOTHING")
        ->bind(1, sha256("object"))
        .run();
  }
  profiles::sql::Query named = store->query(
      "SELECT EXISTS (SELECT 1 FROM segment WHERE digest = ?1) OR EXISTS (SELECT 1 FROM codebook "
      "WHERE digest = ?1) OR EXISTS (SELECT 1 FROM pool_block WHERE object = ?1) OR EXISTS "
      "(SELECT 1 FROM pool WHERE shared = ?1 OR gate = ?1)");
  ASSERT_TRUE(named->bind(1, sha256("object")).step());
  EXPECT_EQ(named->integer(0), 0);
}

TEST_F(PostgresSchemaTest, TheSchemaIsPlainAndItsHotTableHasNoForeignKeys) {
  const auto store = open_database(string, OpenMode::kCreate);
  EXPECT_EQ(store->integer("SELECT count(*) FROM information_schema.table_constraints WHERE "
                           "table_name = 'profile' AND constraint_type = 'FOREIGN KEY'"),
            0);
  EXPECT_EQ(store->integer(
                "SELECT count(*) FROM information_schema.routines WHERE routine_schema = 'public'"),
            0);
  EXPECT_EQ(store->integer(
                "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'public'"),
            0);
  EXPECT_EQ(migrations().front().version, 1);
}

}  // namespace
}  // namespace pema::test
