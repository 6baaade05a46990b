#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "profiles/postgres/connection_pool.h"
#include "profiles/sql/transaction.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::postgres::ConnectionPool;
using profiles::sql::run_transaction;
using profiles::sql::TransactionKind;

struct PostgresPoolTest : PostgresTest {
  std::string string;

  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    string = shared_postgres().new_database();
    profiles::postgres::Database database(string, OpenMode::kCreate);
    database.execute("CREATE TABLE t (i bigint NOT NULL)");
    database.execute("INSERT INTO t (i) VALUES (0)");
  }
};

TEST_F(PostgresPoolTest, OpensAsManyAsAreNeededAndNoMoreThanItsSize) {
  ConnectionPool pool(string, OpenMode::kReadWrite, 2, 50);
  EXPECT_EQ(pool.open(), 0);
  { const auto first = pool.acquire(); }
  { const auto again = pool.acquire(); }
  EXPECT_EQ(pool.open(), 1);
  {
    const auto first = pool.acquire();
    const auto second = pool.acquire();
    EXPECT_EQ(pool.open(), 2);
    expect_error(
        ErrorCode::kBusy, [&] { static_cast<void>(pool.acquire()); }, "larger pool");
  }
  const auto now = pool.acquire();
  expect_error(ErrorCode::kInvalidArgument,
               [&] { ConnectionPool none(string, OpenMode::kReadWrite, 0); });
}

TEST_F(PostgresPoolTest, AnOpenTransactionIsRolledBackWhenGivenBack) {
  ConnectionPool pool(string, OpenMode::kReadWrite, 1);
  {
    const auto lease = pool.acquire();
    lease->begin(TransactionKind::kWrite);
    lease->execute("UPDATE t SET i = 7");
  }
  EXPECT_EQ(pool.acquire()->integer("SELECT i FROM t"), 0);
}

TEST_F(PostgresPoolTest, AFailedConnectionLeavesItsPlaceToOthers) {
  ConnectionPool pool("postgresql://ada@127.0.0.1:1/pema", OpenMode::kReadWrite, 1, 50);
  for (int i = 0; i < 3; ++i) {
    expect_error(
        ErrorCode::kIo, [&] { static_cast<void>(pool.acquire()); }, "cannot be reached");
  }
  EXPECT_EQ(pool.open(), 0);
}

TEST_F(PostgresPoolTest, ManyThreadsShareFewConnections) {
  ConnectionPool pool(string, OpenMode::kReadWrite, 3);
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      try {
        for (int round = 0; round < 15; ++round) {
          const auto lease = pool.acquire();
          run_transaction(*lease, TransactionKind::kWrite,
                          [&] { lease->query("UPDATE t SET i = i + 1")->run(); });
          if (lease->integer("SELECT i FROM t") <= 0) ++failures;
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_LE(pool.open(), 3);
  EXPECT_EQ(pool.acquire()->integer("SELECT i FROM t"), 8 * 15);
}

TEST_F(PostgresPoolTest, ConnectionsThatTheServerClosedAreMadeAgain) {
  ConnectionPool pool(string, OpenMode::kReadWrite, 2);
  {
    const auto first = pool.acquire();
    const auto second = pool.acquire();
  }
  profiles::postgres::Database(string, OpenMode::kReadWrite)
      .execute(
          "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> "
          "pg_backend_pid() AND datname = current_database()");
  const auto first = pool.acquire();
  const auto second = pool.acquire();
  // Not even a write without a transaction is in doubt: the loss is noticed before it is sent.
  first->execute("UPDATE t SET i = 1");
  second->execute("UPDATE t SET i = 2");
  EXPECT_EQ(first->integer("SELECT i FROM t"), 2);
}

}  // namespace
}  // namespace pema::test
