// The promises of profiles/sql, kept by every back end. Transactions and the write lock.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "profiles/sql/transaction.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::sql::run_transaction;
using profiles::sql::Transaction;
using profiles::sql::TransactionKind;

template <typename Backend>
using SqlTransactionTest = SqlTest<Backend>;
TYPED_TEST_SUITE(SqlTransactionTest, SqlBackends);

TYPED_TEST(SqlTransactionTest, ATransactionEndsWithItsScope) {
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

TYPED_TEST(SqlTransactionTest, AHeldLockIsBusyAndNothingIsBegun) {
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

TYPED_TEST(SqlTransactionTest, WhoWaitedForTheLockSeesWhatItWasHeldFor) {
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

TYPED_TEST(SqlTransactionTest, ReadersSeeTheStateBeforeAnOpenWriteAndKeepIt) {
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

TYPED_TEST(SqlTransactionTest, AReadOnlyConnectionRefusesToWrite) {
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

TYPED_TEST(SqlTransactionTest, WritersOfSeveralThreadsFollowOneAnother) {
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

TYPED_TEST(SqlTransactionTest, ATransactionIsRunAgainAfterATransientErrorAlone) {
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
