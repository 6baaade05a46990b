// The server is crashed, stopped and started again under a store's writers and a reader.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "pema/audit.h"
#include "pema/profile_reader.h"
#include "profiles/sql/database.h"
#include "tests/profiles/store_fixture.h"
#include "tests/support/postgres_server.h"

namespace pema::test {
namespace {

struct Journal {
  std::set<std::string> acknowledged;
  std::set<std::string> refused;
  std::int64_t in_doubt = 0;  ///< the server did not come back in time to be asked
  std::string unexpected;
};

/// Enrols people of its own until told to stop.
Journal enrol_until(const std::string& path, PoolId pool, int writer, const std::atomic<bool>& stop,
                    std::atomic<std::int64_t>& acknowledged) {
  Journal journal;
  Store store = Store::open(path, OpenMode::kReadWrite);
  for (int i = 0; !stop; ++i) {
    const std::string name = message("writer ", writer, " person ", i);
    try {
      store.put_profile(draft_of(name, pool));
      journal.acknowledged.insert(name);
      ++acknowledged;
    } catch (const profiles::sql::InDoubtError&) {
      ++journal.in_doubt;
    } catch (const Error& error) {
      journal.refused.insert(name);
      if (error.code() != ErrorCode::kIo && error.code() != ErrorCode::kBusy) {
        journal.unexpected = error.what();
      }
    }
  }
  return journal;
}

TEST(PostgresStoreRestartTest, NoAcknowledgedEnrolmentIsLostAndNoneHappensTwice) {
  PostgresServer server(true);
  const TemporaryFolder folder;
  const std::string path = folder.file("store");
  PoolId pool;
  {
    Store store = Store::open(path, OpenMode::kCreate, {.registry = server.new_database()});
    store.put_model(tiny_model(), "");
    pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
    store.put_profile(draft_of("ada", pool));
  }
  std::atomic<bool> stop = false;
  std::array<Journal, 2> journals;
  std::array<std::atomic<std::int64_t>, 2> acknowledged{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < journals.size(); ++i) {
    threads.emplace_back([&, i] {
      journals[i] = enrol_until(path, pool, static_cast<int>(i), stop, acknowledged[i]);
    });
  }
  std::atomic<std::int64_t> reads = 0;
  std::string unexpected;
  threads.emplace_back([&] {
    ProfileReader reader = ProfileReader::open(path, {.resident_bytes = 0});
    ProfileRecord record;
    while (!stop) {
      try {
        if (!reader.find("ada", record)) unexpected = "ada is gone";
        static_cast<void>(reader.refresh());
        ++reads;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kIo && error.code() != ErrorCode::kBusy) {
          unexpected = error.what();
        }
      }
    }
  });
  // However slow the machine is, all get on between two stops.
  const auto all_get_on = [&] {
    const std::array<std::int64_t, 3> before{acknowledged[0], acknowledged[1], reads};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (acknowledged[0] < before[0] + 5 || acknowledged[1] < before[1] + 5 ||
           reads < before[2] + 5) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  };
  bool went_on = all_get_on();
  for (const Stop how : {Stop::kCrash, Stop::kFast, Stop::kCrash}) {
    server.stop(how);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server.start();
    went_on = all_get_on() && went_on;
  }
  EXPECT_TRUE(went_on) << "by itself, after each start";
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unexpected, "");

  const Store store = Store::open(path, OpenMode::kReadOnly);
  std::int64_t people = 1;
  std::int64_t in_doubt = 0;
  for (const Journal& journal : journals) {
    EXPECT_EQ(journal.unexpected, "");
    for (const std::string& name : journal.acknowledged) {
      const auto record = store.find_profile(name);
      ASSERT_TRUE(record.has_value()) << name << " was lost";
      EXPECT_EQ(record->generation, 1);
    }
    for (const std::string& name : journal.refused) {
      EXPECT_FALSE(store.find_profile(name).has_value()) << name << " was refused and happened";
    }
    people += std::ssize(journal.acknowledged);
    in_doubt += journal.in_doubt;
  }
  EXPECT_GE(store.profile_count(), people);
  EXPECT_LE(store.profile_count(), people + in_doubt);
  for (const Damage& damage : store.verify()) ADD_FAILURE() << damage.what << ": " << damage.why;
  EXPECT_TRUE(store.verify_audit({}).damages.empty());
}

TEST(PostgresStoreRestartTest, WhileTheServerIsAwayErrorsSaySoAndResidentProfilesAreServed) {
  PostgresServer server;
  const TemporaryFolder folder;
  const std::string path = folder.file("store");
  Store store = Store::open(path, OpenMode::kCreate, {.registry = server.new_database()});
  store.put_model(tiny_model(), "");
  const PoolId pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
  store.put_profile(draft_of("ada", pool));
  ProfileReader reader = ProfileReader::open(path);
  ProfileRecord record;
  EXPECT_TRUE(reader.find("ada", record));
  server.stop(Stop::kFast);
  EXPECT_TRUE(reader.find("ada", record)) << "resident";
  expect_error(
      ErrorCode::kIo, [&] { store.put_profile(draft_of("bob", pool)); }, "cannot be reached");
  EXPECT_TRUE(Store::exists(path)) << "the folder knows that there is one";
  server.start();
  EXPECT_EQ(store.put_profile(draft_of("bob", pool)).generation, 1);
  EXPECT_TRUE(reader.refresh());
  EXPECT_TRUE(reader.find("bob", record));
  EXPECT_TRUE(store.verify().empty());
}

}  // namespace
}  // namespace pema::test
