// Connection strings, and errors that connecting gives.
#include <gtest/gtest.h>

#include "profiles/postgres/address.h"
#include "profiles/postgres/dialect.h"
#include "profiles/postgres/errors.h"
#include "profiles/postgres/session.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::postgres::check_server;
using profiles::postgres::Database;
using profiles::postgres::is_connection_string;
using profiles::postgres::native_sql;

TEST(PostgresAddressTest, AConnectionStringIsToldFromAFolder) {
  EXPECT_TRUE(is_connection_string("postgresql://localhost/pema"));
  EXPECT_TRUE(is_connection_string("postgres://u@[::1]:5432/pema"));
  for (const char* folder :
       {"", "store", "/srv/postgresql://x", "postgresql:", "postgresql:/x", "pg://x"}) {
    EXPECT_FALSE(is_connection_string(folder)) << folder;
  }
}

TEST(PostgresAddressTest, NoMessageRepeatsAPassword) {
  const std::vector<std::string> strings{
      "postgresql://ada:hunter2@127.0.0.1:1/pema",
      "postgresql://ada:hun@ter2@127.0.0.1:1/pema",
      "postgresql://ada:hunter2@127.0.0.1:port/pema",
      "postgresql://ada:hunter2@127.0.0.1:1/pema?hunter2",
      "postgresql://ada:%zzhunter2@127.0.0.1:1/pema",
      "postgresql://ada:hunter2@nowhere.invalid:1/pema",
      "postgresql://ada@127.0.0.1:1/pema?password=hunter2",
  };
  for (const std::string& string : strings) {
    const std::optional<Error> error =
        error_of([&] { Database database(string, OpenMode::kReadWrite, 200); });
    ASSERT_TRUE(error.has_value()) << string;
    EXPECT_EQ(std::string(error->what()).find("ter2"), std::string::npos) << error->what();
    EXPECT_EQ(std::string(error->what()).find("hun"), std::string::npos) << error->what();
  }
}

TEST(PostgresAddressTest, AMissingServerIsNamedWithTheFix) {
  expect_error(
      ErrorCode::kIo,
      [] { Database database("postgresql://ada@127.0.0.1:1/pema", OpenMode::kReadWrite, 200); },
      "postgresql://127.0.0.1:1/pema: cannot be reached");
}

TEST(PostgresAddressTest, OldServersAndOtherEncodingsAreRefused) {
  check_server(110000, "UTF8", "here");
  expect_error(
      ErrorCode::kUnsupported, [] { check_server(100023, "UTF8", "here"); }, "PostgreSQL 10");
  expect_error(
      ErrorCode::kUnsupported, [] { check_server(150018, "SQL_ASCII", "here"); }, "SQL_ASCII");
  expect_error(
      ErrorCode::kUnsupported, [] { check_server(150018, nullptr, "here"); }, "UTF8");
}

TEST(PostgresAddressTest, StatesBecomeErrorsOfTheRightKind) {
  using profiles::postgres::raise_state;
  const std::vector<std::pair<const char*, ErrorCode>> kinds{{"40001", ErrorCode::kBusy},
                                                             {"40P01", ErrorCode::kBusy},
                                                             {"55P03", ErrorCode::kBusy},
                                                             {"53300", ErrorCode::kBusy},
                                                             {"57P03", ErrorCode::kBusy},
                                                             {"53100", ErrorCode::kDiskFull},
                                                             {"53200", ErrorCode::kIo},
                                                             {"XX001", ErrorCode::kCorrupt},
                                                             {"XX000", ErrorCode::kInternal},
                                                             {"42P01", ErrorCode::kCorrupt},
                                                             {"42501", ErrorCode::kIo},
                                                             {"25006", ErrorCode::kIo},
                                                             {"28P01", ErrorCode::kIo},
                                                             {"3D000", ErrorCode::kNotFound},
                                                             {"22021", ErrorCode::kInvalidArgument},
                                                             {"0A000", ErrorCode::kUnsupported},
                                                             {"57P01", ErrorCode::kIo},
                                                             {"08006", ErrorCode::kIo},
                                                             {"58030", ErrorCode::kIo},
                                                             {"23505", ErrorCode::kInternal}};
  for (const auto& [state, code] : kinds) {
    const std::string text = state;
    expect_error(
        code, [&] { raise_state(text, "there", "doing", "words"); }, "there: doing: words");
  }
  EXPECT_THROW(raise_state("40001", "there", "doing", "words"), profiles::sql::TransientError);
  EXPECT_THROW(raise_state("0A000", "there", "doing", "cached plan must not change result type"),
               profiles::sql::TransientError);
}

TEST(PostgresAddressTest, ParametersAreRewrittenOutsideOfTexts) {
  const auto native =
      native_sql("SELECT '?1 it''s', \"?2\" FROM t WHERE a = ?2 AND b = ?13 -- ?4\n OR ?1");
  EXPECT_EQ(native.text, "SELECT '?1 it''s', \"?2\" FROM t WHERE a = $2 AND b = $13 -- ?4\n OR $1");
  EXPECT_EQ(native.parameters, 13);
  EXPECT_EQ(native_sql("SELECT 1").parameters, 0);
  EXPECT_EQ(native_sql("WHERE a IS ?1 AND b IS NULL").text,
            "WHERE a IS NOT DISTINCT FROM $1 AND b IS NULL");
  expect_error(ErrorCode::kInternal, [] { static_cast<void>(native_sql("SELECT ?")); });
  expect_error(ErrorCode::kInternal, [] { static_cast<void>(native_sql("SELECT ?0")); });
}

struct PostgresConnectTest : PostgresTest {};

TEST_F(PostgresConnectTest, RefusalsAreTyped) {
  PostgresServer& server = shared_postgres();
  expect_error(
      ErrorCode::kNotFound,
      [&] {
        Database database(server.connection_string("no_such", server.port()), OpenMode::kReadWrite);
      },
      "no_such");
  server.run_sql("CREATE ROLE stranger NOLOGIN");
  std::string string = server.new_database();
  string.replace(string.find("pema@"), 4, "stranger");
  expect_error(
      ErrorCode::kIo, [&] { Database database(string, OpenMode::kReadWrite); }, "user");
  server.run_sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  expect_error(
      ErrorCode::kUnsupported,
      [&] {
        Database database(server.connection_string("latin", server.port()), OpenMode::kReadWrite);
      },
      "LATIN1");
}

TEST_F(PostgresConnectTest, NarrowValuesOfOthersTablesAreRead) {
  Database database(shared_postgres().new_database(), OpenMode::kReadWrite);
  profiles::sql::Query row = database.query(
      "SELECT CAST(-5 AS integer), CAST(-7 AS smallint), true, CAST(0.5 AS real), 'x'::varchar");
  ASSERT_TRUE(row->step());
  EXPECT_EQ(row->integer(0), -5);
  EXPECT_EQ(row->integer(1), -7);
  EXPECT_EQ(row->integer(2), 1);
  EXPECT_EQ(row->real(3), 0.5);
  EXPECT_EQ(row->text(4), "x");
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(row->real(0)); }, "another type");
}

TEST_F(PostgresConnectTest, TooManyConnectionsAreBusy) {
  PostgresServer& server = shared_postgres();
  const std::string string = server.new_database();
  server.run_sql("ALTER DATABASE " +
                 string.substr(string.rfind('/') + 1, string.find('?') - string.rfind('/') - 1) +
                 " CONNECTION LIMIT 1");
  server.run_sql("CREATE ROLE reader LOGIN");
  std::string as_reader = string;
  as_reader.replace(as_reader.find("pema@"), 4, "reader");
  const Database first(as_reader, OpenMode::kReadWrite);
  expect_error(
      ErrorCode::kBusy, [&] { Database second(as_reader, OpenMode::kReadWrite, 500); },
      "max_connections");
}

}  // namespace
}  // namespace pema::test
