// The promises of profiles/sql, kept by every back end.
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <thread>

#include "profiles/sql/transaction.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::sql::Database;
using profiles::sql::Query;
using profiles::sql::run_transaction;
using profiles::sql::Statement;
using profiles::sql::Transaction;
using profiles::sql::TransactionKind;

template <typename Backend>
struct SqlTest : ::testing::Test {
  std::optional<Backend> backend;
  std::unique_ptr<Database> database;

  void SetUp() override {
    if (const std::string reason = Backend::missing(); !reason.empty()) GTEST_SKIP() << reason;
    backend.emplace();
    database = backend->open(OpenMode::kCreate);
    database->execute(message("CREATE TABLE t (id ", Backend::kId,
                              ", i bigint, r double precision, ", "name ", Backend::kName,
                              " UNIQUE, b ", Backend::kBlob, ")"));
  }
  std::unique_ptr<Database> other(OpenMode mode = OpenMode::kReadWrite, int wait = 5000) {
    return backend->open(mode, wait);
  }
  std::int64_t rows() { return database->integer("SELECT count(*) FROM t"); }
  void insert(std::int64_t value) {
    database->query("INSERT INTO t (i) VALUES (?1)")->bind(1, value).run();
  }
};

using Backends = ::testing::Types<SqliteBackend, PostgresBackend>;
TYPED_TEST_SUITE(SqlTest, Backends);

std::vector<std::byte> bytes(std::size_t count, unsigned char value) {
  return std::vector<std::byte>(count, std::byte{value});
}

TYPED_TEST(SqlTest, IntegersAtTheirEdges) {
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

TYPED_TEST(SqlTest, RealsKeepEveryBit) {
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

TYPED_TEST(SqlTest, EmptyIsNotNull) {
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

TYPED_TEST(SqlTest, BlobsOfAnyBytesAndSize) {
  std::vector<std::vector<std::byte>> blobs{bytes(1, 0), bytes(3, 0xff), bytes(1 << 20, 0x27)};
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

TYPED_TEST(SqlTest, TextsAreUtf8WithoutZeroBytes) {
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

TYPED_TEST(SqlTest, NamesAreComparedByteByByte) {
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

TYPED_TEST(SqlTest, AStatementIsReusedAndForgetsItsBindings) {
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

TYPED_TEST(SqlTest, QueriesMayLieWithinQueries) {
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

TYPED_TEST(SqlTest, WhatTheRegistryAsksIsUnderstood) {
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

TYPED_TEST(SqlTest, AnUnknownTableIsADamagedSchema) {
  expect_error(
      ErrorCode::kCorrupt, [&] { this->database->query("SELECT x FROM missing")->run(); },
      "tables this program");
  expect_error(ErrorCode::kCorrupt, [&] { this->database->query("SELECT x FROM t")->run(); });
}

TYPED_TEST(SqlTest, ABrokenConstraintIsInternal) {
  this->insert(1);
  expect_error(
      ErrorCode::kInternal, [&] { this->database->execute("INSERT INTO t (id, i) VALUES (1, 2)"); },
      "pema verify");
}

TYPED_TEST(SqlTest, ATransactionEndsWithItsScope) {
  {
    Transaction transaction(*this->database);
    this->insert(1);
    EXPECT_EQ(this->rows(), 1);
    EXPECT_TRUE(this->database->in_transaction());
  }
  EXPECT_EQ(this->rows(), 0);
  EXPECT_FALSE(this->database->in_transaction());
  try {
    Transaction transaction(*this->database);
    this->insert(1);
    throw std::runtime_error("stop");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(this->rows(), 0);
  }
  {
    Transaction transaction(*this->database);
    this->insert(1);
    transaction.commit();
    expect_error(ErrorCode::kInternal, [&] { transaction.commit(); });
  }
  EXPECT_EQ(this->other()->integer("SELECT count(*) FROM t"), 1);
}

TYPED_TEST(SqlTest, AHeldLockIsBusyAndNothingIsBegun) {
  const auto other = this->other(OpenMode::kReadWrite, 50);
  {
    Transaction held(*this->database);
    expect_error(
        ErrorCode::kBusy, [&] { Transaction second(*other); }, "another process is writing");
    EXPECT_FALSE(other->in_transaction());
    this->insert(1);
    held.commit();
  }
  Transaction now(*other);
  EXPECT_TRUE(other->in_transaction());
}

TYPED_TEST(SqlTest, WhoWaitedForTheLockSeesWhatItWasHeldFor) {
  const auto other = this->other();
  std::optional<Transaction> held;
  held.emplace(*this->database);
  std::int64_t seen = -1;
  std::thread waiting([&] {
    Transaction second(*other);
    seen = other->integer("SELECT count(*) FROM t");
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  this->insert(1);
  held->commit();
  waiting.join();
  EXPECT_EQ(seen, 1);
}

TYPED_TEST(SqlTest, ReadersSeeTheStateBeforeAnOpenWriteAndKeepIt) {
  const auto reader = this->other(OpenMode::kReadOnly);
  Transaction writing(*this->database);
  this->insert(1);
  EXPECT_EQ(reader->integer("SELECT count(*) FROM t"), 0);
  Transaction reading(*reader, TransactionKind::kRead);
  EXPECT_EQ(reader->integer("SELECT count(*) FROM t"), 0);
  writing.commit();
  EXPECT_EQ(reader->integer("SELECT count(*) FROM t"), 0) << "one state for the whole transaction";
  reading.commit();
  EXPECT_EQ(reader->integer("SELECT count(*) FROM t"), 1);
}

TYPED_TEST(SqlTest, AReadOnlyConnectionRefusesToWrite) {
  const auto reader = this->other(OpenMode::kReadOnly);
  EXPECT_TRUE(reader->read_only());
  expect_error(
      ErrorCode::kIo,
      [&] {
        Transaction transaction(*reader);
        reader->execute("INSERT INTO t (i) VALUES (1)");
        transaction.commit();
      },
      "read-only");
  expect_error(
      ErrorCode::kIo, [&] { reader->execute("INSERT INTO t (i) VALUES (1)"); }, "read-only");
  EXPECT_EQ(this->rows(), 0);
}

TYPED_TEST(SqlTest, ForEachAnswersInOrder) {
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

TYPED_TEST(SqlTest, ForEachPassesErrorsOnAndLeavesTheConnectionUsable) {
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

const std::vector<std::string_view> kColumns{"i", "r", "name", "b"};

TYPED_TEST(SqlTest, InsertManyKeepsEveryValue) {
  constexpr std::int64_t kRows = 3000;
  Transaction transaction(*this->database);
  this->database->insert_many("t", kColumns, kRows, [](std::int64_t index, Statement& row) {
    row.bind(1, index - 1500).bind(2, 0.5 * static_cast<double>(index));
    row.bind(3, std::string_view("name " + std::to_string(index)));
    if (index % 3 != 0) row.bind(4, bytes(static_cast<std::size_t>(index % 100), 0xab));
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

TYPED_TEST(SqlTest, InsertManyWithABadRowLeavesNothing) {
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

TYPED_TEST(SqlTest, WritersOfSeveralThreadsFollowOneAnother) {
  this->insert(0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([this] {
      const auto mine = this->other();
      for (int round = 0; round < 20; ++round) {
        run_transaction(*mine, TransactionKind::kWrite, [&] {
          const std::int64_t value = mine->integer("SELECT i FROM t");
          mine->query("UPDATE t SET i = ?1")->bind(1, value + 1).run();
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(this->database->integer("SELECT i FROM t"), 60);
}

TYPED_TEST(SqlTest, ATransactionIsRunAgainAfterATransientErrorAlone) {
  using profiles::sql::TransientError;
  int runs = 0;
  run_transaction(*this->database, TransactionKind::kWrite, [&] {
    this->insert(++runs);
    if (runs < 3) throw TransientError(ErrorCode::kBusy, "met");
  });
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(this->rows(), 1);
  EXPECT_EQ(this->database->integer("SELECT i FROM t"), 3);
  runs = 0;
  expect_error(ErrorCode::kBusy, [&] {
    run_transaction(*this->database, TransactionKind::kWrite, [&] {
      ++runs;
      fail(ErrorCode::kBusy, "not transient");
    });
  });
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(this->database->in_transaction());
}

}  // namespace
}  // namespace pema::test
