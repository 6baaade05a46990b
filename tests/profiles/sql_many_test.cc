// The promises of profiles/sql, kept by every back end. Many items in one call.
#include <gtest/gtest.h>

#include "profiles/sql/transaction.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::sql::Query;
using profiles::sql::Statement;
using profiles::sql::Transaction;

template <typename Backend>
using SqlManyTest = SqlTest<Backend>;
TYPED_TEST_SUITE(SqlManyTest, SqlBackends);

const std::vector<std::string_view> kColumns{"i", "r", "name", "b"};

TYPED_TEST(SqlManyTest, ForEachAnswersInOrder) {
  for (std::int64_t i = 0; i < 50; ++i) this->insert(i % 10);
  std::vector<std::int64_t> answers(1000);
  std::int64_t last = -1;
  this->database->for_each(
      "SELECT i FROM t WHERE i = ?1", 1000,
      [](std::int64_t index, Statement& row) {
        // NULL has another type, and finds nothing.
        if (index % 7 == 0)
          row.bind_null(1);
        else
          row.bind(1, index % 20);
      },
      [&](std::int64_t index, const Statement& row) {
        EXPECT_GE(index, last);
        last = index;
        EXPECT_EQ(row.integer(0), index % 20);
        ++answers[static_cast<std::size_t>(index)];
      });
  for (std::int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(answers[static_cast<std::size_t>(i)], i % 7 != 0 && i % 20 < 10 ? 5 : 0) << i;
  }
}

TYPED_TEST(SqlManyTest, ForEachPassesErrorsOnAndLeavesTheConnectionUsable) {
  this->insert(1);
  const auto each = [&](const char* sql, std::int64_t bad, auto read) {
    this->database->for_each(
        sql, 600,
        [&](std::int64_t index, Statement& row) {
          if (index == bad) fail(ErrorCode::kNotFound, "binder");
          row.bind(1, index);
        },
        read);
  };
  const auto ignore = [](std::int64_t, const Statement&) {};
  expect_error(
      ErrorCode::kNotFound, [&] { each("SELECT i FROM t WHERE i = ?1", 0, ignore); }, "binder");
  expect_error(ErrorCode::kNotFound, [&] { each("SELECT i FROM t WHERE i = ?1", 300, ignore); });
  expect_error(ErrorCode::kInvalidArgument, [&] {
    each("SELECT i FROM t WHERE i = ?1", -1,
         [](std::int64_t, const Statement&) { fail(ErrorCode::kInvalidArgument, "reader"); });
  });
  expect_error(ErrorCode::kCorrupt,
               [&] { each("SELECT nothing FROM t WHERE i = ?1", -1, ignore); });
  EXPECT_EQ(this->rows(), 1);
}

TYPED_TEST(SqlManyTest, InsertManyKeepsEveryValue) {
  constexpr std::int64_t kRows = 3000;
  Transaction transaction(*this->database);
  this->database->insert_many("t", kColumns, kRows, [](std::int64_t index, Statement& row) {
    row.bind(1, index - 1500).bind(2, 0.5 * static_cast<double>(index));
    row.bind(3, std::string_view("name " + std::to_string(index)));
    if (index % 3 != 0) row.bind(4, repeated(static_cast<std::size_t>(index % 100), 0xab));
  });
  transaction.commit();
  EXPECT_EQ(this->rows(), kRows);
  Query row = this->database->query("SELECT i, r, name, b FROM t ORDER BY i");
  for (std::int64_t i = 0; i < kRows; ++i) {
    ASSERT_TRUE(row->step());
    ASSERT_EQ(row->integer(0), i - 1500);
    ASSERT_EQ(row->real(1), 0.5 * static_cast<double>(i));
    ASSERT_EQ(row->text(2), "name " + std::to_string(i));
    ASSERT_EQ(row->null(3), i % 3 == 0);
    ASSERT_EQ(i % 3 != 0 ? row->blob(3).size() : 0,
              static_cast<std::size_t>(i % 3 != 0 ? i % 100 : 0));
  }
}

TYPED_TEST(SqlManyTest, InsertManyWithABadRowLeavesNothing) {
  const auto insert = [&](auto bind) {
    Transaction transaction(*this->database);
    this->insert(1);
    this->database->insert_many("t", kColumns, 2500, bind);
    transaction.commit();
  };
  expect_error(ErrorCode::kInvalidArgument, [&] {
    insert([](std::int64_t index, Statement& row) {
      row.bind(3, std::string_view(index == 2000 ? "\xff" : "n" + std::to_string(index)));
    });
  });
  EXPECT_EQ(this->rows(), 0);
  expect_error(ErrorCode::kInternal, [&] {
    insert([](std::int64_t index, Statement& row) {
      row.bind(3, std::string_view("n" + std::to_string(index == 2400 ? 7 : index)));
    });
  });
  EXPECT_EQ(this->rows(), 0);
  this->database->execute("INSERT INTO t (i) VALUES (1)");
  expect_error(ErrorCode::kInternal, [&] {
    this->database->insert_many("t", kColumns, 1, [](std::int64_t, Statement&) {});
  });
}

}  // namespace
}  // namespace pema::test
