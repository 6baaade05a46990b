// The promises of profiles/sql, kept by every back end. Statements: values at their edges, NULL,
// names, errors
#include <gtest/gtest.h>

#include <limits>

#include "profiles/sql/database.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::sql::Query;
using profiles::sql::Statement;

template <typename Backend>
using SqlStatementTest = SqlTest<Backend>;
TYPED_TEST_SUITE(SqlStatementTest, SqlBackends);

TYPED_TEST(SqlStatementTest, IntegersAtTheirEdges) {
  const std::vector<std::int64_t> values{0,         1,         -1,        255,      -256,
                                         INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
  for (const std::int64_t value : values) this->insert(value);
  Query row = this->database->query("SELECT i FROM t ORDER BY id");
  for (const std::int64_t value : values) {
    ASSERT_TRUE(row->step());
    EXPECT_EQ(row->integer(0), value);
  }
  EXPECT_FALSE(row->step());
  EXPECT_FALSE(row->step()) << "also when it is asked again";
}

TYPED_TEST(SqlStatementTest, RealsKeepEveryBit) {
  const std::vector<double> values{0.1, -1e300, 5e-324, std::numeric_limits<double>::infinity(),
                                   1.0};
  for (const double value : values) {
    this->database->query("INSERT INTO t (r) VALUES (?1)")->bind(1, value).run();
  }
  Query row = this->database->query("SELECT r FROM t ORDER BY id");
  for (const double value : values) {
    ASSERT_TRUE(row->step());
    EXPECT_EQ(row->real(0), value);
  }
}

TYPED_TEST(SqlStatementTest, EmptyIsNotNull) {
  const auto insert = [&](auto bind) {
    Query row = this->database->query("INSERT INTO t (name, b) VALUES (?1, ?2)");
    bind(*row);
    row->run();
  };
  insert([](Statement& row) {
    row.bind(1, std::string_view()).bind(2, std::span<const std::byte>());
  });
  insert([](Statement& row) { row.bind_null(1).bind_null(2); });
  insert([](Statement&) {});  // what is not bound is NULL
  insert([](Statement& row) { row.bind_name(1, "").bind(2, sha256("x")); });
  Query row = this->database->query("SELECT name, b FROM t ORDER BY id");
  ASSERT_TRUE(row->step());
  EXPECT_FALSE(row->null(0));
  EXPECT_EQ(row->text(0), "");
  EXPECT_FALSE(row->null(1));
  EXPECT_TRUE(row->blob(1).empty());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(row->step());
    EXPECT_TRUE(row->null(0));
    EXPECT_TRUE(row->null(1));
    expect_error(
        ErrorCode::kCorrupt, [&] { static_cast<void>(row->text(0)); }, "column name");
    expect_error(
        ErrorCode::kCorrupt, [&] { static_cast<void>(row->blob(1)); }, "another type");
  }
  ASSERT_TRUE(row->step());
  EXPECT_TRUE(row->null(0));
  EXPECT_EQ(row->digest(1), sha256("x"));
}

TYPED_TEST(SqlStatementTest, BlobsOfAnyBytesAndSize) {
  std::vector<std::vector<std::byte>> blobs{repeated(1, 0), repeated(3, 0xff),
                                            repeated(1 << 20, 0x27)};
  for (const auto& blob : blobs) {
    this->database->query("INSERT INTO t (b) VALUES (?1)")->bind(1, blob).run();
  }
  Query row = this->database->query("SELECT b FROM t ORDER BY id");
  for (const auto& blob : blobs) {
    ASSERT_TRUE(row->step());
    EXPECT_TRUE(std::ranges::equal(row->blob(0), blob));
    expect_error(
        ErrorCode::kCorrupt, [&] { static_cast<void>(row->digest(0)); }, "32");
    expect_error(
        ErrorCode::kCorrupt, [&] { static_cast<void>(row->integer(0)); }, "another type");
  }
}

TYPED_TEST(SqlStatementTest, TextsAreUtf8WithoutZeroBytes) {
  const std::string good = "J\xc3\xbcrgen \xe6\x9d\x8e \xf0\x9f\x98\x80 '\"\\?1$1";
  this->database->query("INSERT INTO t (name) VALUES (?1)")->bind(1, std::string_view(good)).run();
  {
    Query row = this->database->query("SELECT name FROM t WHERE name = ?1");
    ASSERT_TRUE(row->bind(1, std::string_view(good)).step());
    EXPECT_EQ(row->text(0), good);
  }
  for (const std::string& bad :
       {std::string("\xff"), std::string("a\xc3"), std::string("\xed\xa0\x80"),
        std::string("\xc0\xaf"), std::string("a\0b", 3)}) {
    expect_error(ErrorCode::kInvalidArgument, [&] {
      this->database->query("INSERT INTO t (name) VALUES (?1)")
          ->bind(1, std::string_view(bad))
          .run();
    });
  }
  EXPECT_EQ(this->rows(), 1);
}

TYPED_TEST(SqlStatementTest, NamesAreComparedByteByByte) {
  for (const char* name : {"b", "a", "\xc3\xa9", "ab", "B", "a b", "a-b"}) {
    this->database->query("INSERT INTO t (name) VALUES (?1)")
        ->bind(1, std::string_view(name))
        .run();
  }
  std::vector<std::string> names;
  Query row = this->database->query("SELECT name FROM t WHERE name > ?1 ORDER BY name LIMIT ?2");
  row->bind(1, std::string_view("B")).bind(2, std::int64_t{10});
  while (row->step()) names.push_back(row->text(0));
  EXPECT_EQ(names, (std::vector<std::string>{"a", "a b", "a-b", "ab", "b", "\xc3\xa9"}));
}

TYPED_TEST(SqlStatementTest, AStatementIsReusedAndForgetsItsBindings) {
  this->insert(7);
  for (int i = 0; i < 3; ++i) {
    Query row = this->database->query("SELECT i FROM t WHERE i = ?1");
    EXPECT_TRUE(row->bind(1, std::int64_t{7}).step());
  }
  EXPECT_FALSE(this->database->query("SELECT i FROM t WHERE i = ?1")->step());
  Query first = this->database->query("SELECT i FROM t");
  expect_error(ErrorCode::kInternal,
               [&] { static_cast<void>(this->database->query("SELECT i FROM t")); });
}

TYPED_TEST(SqlStatementTest, AStatementRunsAgainWithWhatIsBound) {
  std::string name = "first";
  {
    Query row = this->database->query(
        "INSERT INTO t (i, name) VALUES (?2, ?1) ON CONFLICT (name) DO NOTHING");
    row->bind(2, std::int64_t{7}).bind_view(1, std::string_view(name)).run_again();
    EXPECT_EQ(row->changes(), 1);
    row->run_again();
    EXPECT_EQ(row->changes(), 0) << "the same name";
    name = "other";
    row->bind_view(1, std::string_view(name)).run_again();
    EXPECT_EQ(row->changes(), 1);
    row->bind_null(1).run_again();
    expect_error(ErrorCode::kInvalidArgument, [&] { row->bind_view(1, std::string_view("\xff")); });
  }
  Query update = this->database->query("UPDATE t SET r = 1 WHERE i IS ?1 AND name IS ?2");
  update->bind(1, std::int64_t{7}).run_again();
  EXPECT_EQ(update->changes(), 1) << "NULL is NULL";
  update->bind(2, std::string_view("other")).run_again();
  EXPECT_EQ(update->changes(), 1);
  Query row = this->database->query("SELECT b FROM t WHERE name = ?1");
  EXPECT_TRUE(row->bind(1, std::string_view("first")).step());
  row->rewind();
  EXPECT_TRUE(row->step());
}

TYPED_TEST(SqlStatementTest, QueriesMayLieWithinQueries) {
  for (int i = 0; i < 5; ++i) this->insert(i);
  std::int64_t sum = 0;
  Query outer = this->database->query("SELECT i FROM t ORDER BY i");
  while (outer->step()) {
    Query inner = this->database->query("SELECT count(*) FROM t WHERE i < ?1");
    ASSERT_TRUE(inner->bind(1, outer->integer(0)).step());
    sum += inner->integer(0);
  }
  EXPECT_EQ(sum, 0 + 1 + 2 + 3 + 4);
}

TYPED_TEST(SqlStatementTest, WhatTheRegistryAsksIsUnderstood) {
  const auto insert = [&](std::string_view name) {
    Query row = this->database->query("INSERT INTO t (name, i) VALUES (?1, 1) RETURNING id");
    EXPECT_TRUE(row->bind(1, name).step());
    return row->integer(0);
  };
  const std::int64_t first = insert("a");
  const std::int64_t second = insert("b");
  EXPECT_GT(second, first);
  {
    Query row = this->database->query(
        "DELETE FROM t WHERE id = ?1 AND i = 1 AND NOT EXISTS "
        "(SELECT 1 FROM t AS u WHERE u.i = 9) RETURNING name");
    ASSERT_TRUE(row->bind(1, second).step());
    EXPECT_EQ(row->text(0), "b");
    row->run();
  }
  EXPECT_GT(insert("c"), second) << "a number is never given twice";
  const char* keep =
      "INSERT INTO t (name, i) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET i = "
      "CASE WHEN excluded.i > t.i THEN excluded.i ELSE t.i END";
  this->database->query(keep)->bind(1, std::string_view("a")).bind(2, std::int64_t{5}).run();
  this->database->query(keep)->bind(1, std::string_view("a")).bind(2, std::int64_t{3}).run();
  EXPECT_EQ(this->database->integer("SELECT i FROM t WHERE name = 'a'"), 5);
  this->database->query("INSERT INTO t (name) VALUES (?1) ON CONFLICT DO NOTHING")
      ->bind(1, std::string_view("a"))
      .run();
  EXPECT_EQ(this->database->integer("SELECT EXISTS (SELECT 1 FROM t WHERE name = 'a') OR EXISTS "
                                    "(SELECT 1 FROM t WHERE name = 'z')"),
            1);
  Query row = this->database->query("SELECT count(*) FROM t WHERE ?1 < 0 OR i = ?1");
  ASSERT_TRUE(row->bind(1, std::int64_t{-1}).step());
  EXPECT_EQ(row->integer(0), 2);
}

TYPED_TEST(SqlStatementTest, AnUnknownTableIsADamagedSchema) {
  expect_error(
      ErrorCode::kCorrupt, [&] { this->database->query("SELECT x FROM missing")->run(); },
      "tables this program");
  expect_error(ErrorCode::kCorrupt, [&] { this->database->query("SELECT x FROM t")->run(); });
}

TYPED_TEST(SqlStatementTest, ABrokenConstraintIsInternal) {
  this->insert(1);
  expect_error(
      ErrorCode::kInternal, [&] { this->database->execute("INSERT INTO t (id, i) VALUES (1, 2)"); },
      "pema verify");
}

}  // namespace
}  // namespace pema::test
