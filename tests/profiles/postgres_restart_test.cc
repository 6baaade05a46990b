// The server is stopped, crashed and started again while a program writes and reads.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "profiles/postgres/connection_pool.h"
#include "profiles/sql/transaction.h"
#include "tests/profiles/sql_backends.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using profiles::postgres::ConnectionPool;
using profiles::postgres::Database;
using profiles::sql::InDoubtError;
using profiles::sql::run_transaction;
using profiles::sql::Statement;
using profiles::sql::TransactionKind;

struct PostgresRestartTest : PostgresTest {};

/// What one thread wrote. Every number is written by one transaction, together with a second row.
struct Journal {
  std::set<std::int64_t> acknowledged;
  std::set<std::int64_t> refused;  ///< a TransientError or a plain one: did not happen
  std::set<std::int64_t> in_doubt;
  std::string unexpected;
};

/// Writes numbers from `first` on until told to stop.
Journal write_until(ConnectionPool& pool, std::int64_t first, const std::atomic<bool>& stop,
                    std::atomic<std::int64_t>& acknowledged) {
  Journal journal;
  for (std::int64_t number = first; !stop; ++number) {
    try {
      const auto lease = pool.acquire();
      run_transaction(*lease, TransactionKind::kWrite, [&] {
        lease->query("INSERT INTO t (i) VALUES (?1)")->bind(1, number).run();
        lease->query("INSERT INTO t (i) VALUES (?1)")->bind(1, -number).run();
      });
      journal.acknowledged.insert(number);
      ++acknowledged;
    } catch (const InDoubtError&) {
      journal.in_doubt.insert(number);
    } catch (const Error& error) {
      journal.refused.insert(number);
      if (error.code() != ErrorCode::kIo && error.code() != ErrorCode::kBusy) {
        journal.unexpected = error.what();
      }
    }
  }
  return journal;
}

TEST_F(PostgresRestartTest, NoAcknowledgedWriteIsLostAndNoneHappensTwice) {
  PostgresServer server(true);
  const std::string string = server.new_database();
  Database(string, OpenMode::kCreate).execute("CREATE TABLE t (i bigint PRIMARY KEY)");
  ConnectionPool pool(string, OpenMode::kReadWrite, 4, 10000);
  std::atomic<bool> stop = false;
  std::vector<Journal> journals(2);
  std::array<std::atomic<std::int64_t>, 2> acknowledged{};
  std::vector<std::thread> writers;
  for (std::size_t i = 0; i < journals.size(); ++i) {
    writers.emplace_back([&, i] {
      journals[i] =
          write_until(pool, 1 + static_cast<std::int64_t>(i) * 1000000, stop, acknowledged[i]);
    });
  }
  std::atomic<std::int64_t> reads = 0;
  std::atomic<std::int64_t> halves = 0;
  std::string reader_error;
  std::thread reader([&] {
    try {
      while (!stop) {
        const auto lease = pool.acquire();
        halves += lease->integer(
            "SELECT count(*) FROM t WHERE i > 0 AND NOT EXISTS "
            "(SELECT 1 FROM t AS u WHERE u.i = -t.i)");
        ++reads;
      }
    } catch (const Error& error) {
      reader_error = error.what();
    }
  });
  // However slow the machine is, each writer gets on between two stops.
  const auto both_get_on = [&] {
    const std::array<std::int64_t, 2> before{acknowledged[0], acknowledged[1]};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (acknowledged[0] < before[0] + 5 || acknowledged[1] < before[1] + 5) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  };
  bool went_on = both_get_on();
  for (const Stop how : {Stop::kCrash, Stop::kFast, Stop::kCrash}) {
    server.stop(how);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server.start();
    went_on = both_get_on() && went_on;
  }
  EXPECT_TRUE(went_on) << "by itself, after each start";
  stop = true;
  for (std::thread& writer : writers) writer.join();
  reader.join();

  Database truth(string, OpenMode::kReadOnly);
  std::set<std::int64_t> stored;
  {
    profiles::sql::Query row = truth.query("SELECT i FROM t");
    while (row->step()) stored.insert(row->integer(0));
  }
  for (const Journal& journal : journals) {
    EXPECT_EQ(journal.unexpected, "");
    EXPECT_TRUE(journal.in_doubt.empty()) << "the server came back in time to be asked";
    for (const std::int64_t number : journal.acknowledged) {
      EXPECT_TRUE(stored.contains(number) && stored.contains(-number)) << number << " was lost";
    }
    for (const std::int64_t number : journal.refused) {
      EXPECT_FALSE(stored.contains(number)) << number << " was refused and happened";
    }
  }
  EXPECT_EQ(stored.size(), 2 * (journals[0].acknowledged.size() + journals[1].acknowledged.size()));
  EXPECT_EQ(halves, 0);
  EXPECT_EQ(reader_error, "");
  EXPECT_GT(reads, 0);
}

TEST_F(PostgresRestartTest, WhileTheServerIsAwayErrorsSaySo) {
  PostgresServer server;
  const std::string string = server.new_database();
  Database database(string, OpenMode::kCreate, 300);
  database.execute("CREATE TABLE t (i bigint PRIMARY KEY)");
  server.stop(Stop::kFast);
  for (int i = 0; i < 2; ++i) {
    expect_error(
        ErrorCode::kIo, [&] { static_cast<void>(database.integer("SELECT count(*) FROM t")); },
        "start the server");
    expect_error(
        ErrorCode::kIo, [&] { database.begin(TransactionKind::kWrite); }, "cannot be reached");
    EXPECT_FALSE(database.in_transaction());
  }
  server.start();
  EXPECT_EQ(database.integer("SELECT count(*) FROM t"), 0);
}

}  // namespace
}  // namespace pema::test
