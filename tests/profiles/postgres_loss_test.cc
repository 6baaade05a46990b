// The connection is lost in every state of a transaction.
#include <gtest/gtest.h>

#include "profiles/sql/transaction.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/cutting_proxy.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::postgres::Database;
using profiles::sql::InDoubtError;
using profiles::sql::run_transaction;
using profiles::sql::Statement;
using profiles::sql::Transaction;
using profiles::sql::TransactionKind;
using profiles::sql::TransientError;

/// A table of numbers, reached directly and through a proxy.
struct PostgresLossTest : PostgresTest {
  std::string direct;
  std::unique_ptr<Database> truth;
  std::unique_ptr<CuttingProxy> proxy;
  std::unique_ptr<Database> database;

  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    PostgresServer& server = shared_postgres();
    direct = server.new_database();
    truth = std::make_unique<Database>(direct, OpenMode::kCreate);
    truth->execute("CREATE TABLE t (i bigint PRIMARY KEY)");
    proxy = std::make_unique<CuttingProxy>(server.port());
    database = through_proxy(1000);
  }
  [[nodiscard]] std::unique_ptr<Database> through_proxy(int wait) const {
    const std::size_t slash = direct.rfind('/');
    const std::string name = direct.substr(slash + 1, direct.find('?') - slash - 1);
    const std::string string = shared_postgres().connection_string(name, proxy->port());
    return std::make_unique<Database>(string, OpenMode::kReadWrite, wait);
  }
  void TearDown() override {
    database.reset();
    proxy.reset();
  }
  std::int64_t rows() { return truth->integer("SELECT count(*) FROM t"); }
  void insert(std::int64_t value) {
    database->query("INSERT INTO t (i) VALUES (?1)")->bind(1, value).run();
  }
  /// Ends all sessions but the caller's, as an operator would.
  void end_sessions() {
    truth->execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> "
        "pg_backend_pid() AND datname = current_database()");
  }
};

TEST_F(PostgresLossTest, BeforeATransactionNobodyNotices) {
  insert(1);
  end_sessions();
  Transaction transaction(*database);
  insert(2);
  transaction.commit();
  EXPECT_EQ(rows(), 2) << "statements were prepared again";
}

TEST_F(PostgresLossTest, WithTheBeginItselfNobodyNotices) {
  for (const Cut how : {Cut::kBefore, Cut::kAfter, Cut::kDelayed}) {
    proxy->cut_at("BEGIN", how);
    Transaction transaction(*database);
    EXPECT_TRUE(proxy->has_cut());
  }
}

TEST_F(PostgresLossTest, AQueryOutsideOfATransactionIsAskedAgain) {
  end_sessions();
  EXPECT_EQ(database->integer("SELECT count(*) FROM t"), 0);
  proxy->cut_at("pema_", Cut::kAfter);
  EXPECT_EQ(database->integer("SELECT count(*) FROM t"), 0);
  EXPECT_TRUE(proxy->has_cut());
}

TEST_F(PostgresLossTest, AWriteOutsideOfATransactionIsInDoubt) {
  for (const Cut how : {Cut::kBefore, Cut::kAfter}) {
    proxy->cut_at("INSERT", how);
    EXPECT_THROW(database->execute("INSERT INTO t (i) VALUES (1)"), InDoubtError);
    EXPECT_EQ(rows(), how == Cut::kAfter ? 1 : 0);
  }
}

TEST_F(PostgresLossTest, InsideATransactionNothingHappenedAndNothingFollows) {
  insert(1);
  for (const Cut how : {Cut::kBefore, Cut::kAfter}) {
    Transaction transaction(*database);
    insert(2);
    proxy->cut_at("pema_", how);
    EXPECT_THROW(insert(3), TransientError);
    // A new connection must not carry out the rest on its own.
    EXPECT_THROW(insert(4), TransientError);
    EXPECT_THROW(transaction.commit(), TransientError);
  }
  EXPECT_FALSE(database->in_transaction());
  EXPECT_EQ(rows(), 1);
  insert(2);
  EXPECT_EQ(rows(), 2);
}

TEST_F(PostgresLossTest, AFailedStatementEndsItsTransaction) {
  insert(1);
  {
    Transaction transaction(*database);
    expect_error(
        ErrorCode::kInternal, [&] { insert(1); }, "duplicate");
    expect_error(
        ErrorCode::kInternal, [&] { insert(2); }, "duplicate");
    expect_error(
        ErrorCode::kInternal, [&] { transaction.commit(); }, "duplicate");
  }
  EXPECT_EQ(rows(), 1);
  insert(2);
}

TEST_F(PostgresLossTest, ACommitThatDidNotArriveDidNotHappen) {
  {
    Transaction transaction(*database);
    insert(1);
    proxy->cut_at("COMMIT", Cut::kBefore);
    EXPECT_THROW(transaction.commit(), TransientError);
  }
  EXPECT_TRUE(proxy->has_cut());
  EXPECT_EQ(rows(), 0);
  insert(1);
}

TEST_F(PostgresLossTest, ACommitWhoseAnswerWasLostDidHappen) {
  Transaction transaction(*database);
  insert(1);
  proxy->cut_at("COMMIT", Cut::kAfter);
  transaction.commit();
  EXPECT_TRUE(proxy->has_cut());
  EXPECT_EQ(rows(), 1);
}

TEST_F(PostgresLossTest, ACommitStillOnItsWayIsWaitedFor) {
  Transaction transaction(*database);
  insert(1);
  proxy->cut_at("COMMIT", Cut::kDelayed);
  transaction.commit();
  EXPECT_TRUE(proxy->has_cut());
  EXPECT_EQ(rows(), 1) << "asked before the server had it, answered after";
}

TEST_F(PostgresLossTest, ACommitThatNobodyCanAskAboutIsInDoubt) {
  database = through_proxy(200);
  for (const Cut how : {Cut::kBefore, Cut::kAfter}) {
    const std::int64_t before = rows();
    {
      Transaction transaction(*database);
      insert(before);
      proxy->refuse(true);
      proxy->cut_at("COMMIT", how);
      EXPECT_THROW(transaction.commit(), InDoubtError);
      EXPECT_FALSE(database->in_transaction());
    }
    expect_error(
        ErrorCode::kIo, [&] { Transaction transaction(*database); }, "cannot be reached");
    proxy->refuse(false);
    EXPECT_EQ(rows(), before + (how == Cut::kAfter ? 1 : 0));
    Transaction transaction(*database);
  }
}

TEST_F(PostgresLossTest, ARetriedTransactionHappensOnce) {
  for (const Cut how : {Cut::kBefore, Cut::kAfter, Cut::kDelayed}) {
    const auto before = rows();
    proxy->cut_at("COMMIT", how);
    run_transaction(*database, TransactionKind::kWrite, [&] { insert(rows()); });
    EXPECT_EQ(rows(), before + 1);
    EXPECT_TRUE(proxy->has_cut());
  }
}

TEST_F(PostgresLossTest, ManyLookupsGoOnWhereTheyWere) {
  truth->execute("INSERT INTO t (i) SELECT generate_series(0, 999)");
  const std::string item_600("\0\0\0\x08\0\0\0\0\0\0\x02\x58", 12);
  for (const Cut how : {Cut::kBefore, Cut::kAfter, Cut::kInAnswer}) {
    std::int64_t next = 0;
    proxy->cut_at(item_600, how);
    database->for_each(
        "SELECT i FROM t WHERE i = ?1", 1000,
        [](std::int64_t index, Statement& row) { row.bind(1, index); },
        [&](std::int64_t index, const Statement& row) {
          EXPECT_EQ(index, next++) << "none is left out or read twice";
          EXPECT_EQ(row.integer(0), index);
        });
    EXPECT_EQ(next, 1000);
    EXPECT_TRUE(proxy->has_cut());
  }
}

TEST_F(PostgresLossTest, ACutCopyLeavesNothingAndIsRunAgain) {
  const std::vector<std::string_view> columns{"i"};
  proxy->cut_at(std::string("\0\0\0\x08\0\0\0\0\0\0\x4e\x20", 12), Cut::kBefore);  // row 20000
  int runs = 0;
  run_transaction(*database, TransactionKind::kWrite, [&] {
    ++runs;
    database->insert_many("t", columns, 30000,
                          [](std::int64_t index, Statement& row) { row.bind(1, index); });
  });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(rows(), 30000);
}

}  // namespace
}  // namespace pema::test
