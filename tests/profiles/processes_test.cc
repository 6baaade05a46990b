/// Several processes on one store: nothing is lost, nothing happens twice, and the dead hold no
/// lock.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "profiles/sqlite/transaction.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct ProcessesTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  PoolId pool;

  ProcessesTest() {
    Store store = Store::open(path, OpenMode::kCreate, new_store());
    store.put_model(tiny_model(), "");
    pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
  }
  /// Waits until the child wrote one byte.
  static void await(int reports) {
    char byte = 0;
    ASSERT_EQ(::read(reports, &byte, 1), 1);
  }
};

TEST_F(ProcessesTest, EveryReplacementOfManyWritersCountsOnce) {
  constexpr int kWriters = 4;
  constexpr int kWrites = 40;
  std::vector<pid_t> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.push_back(in_child([&] {
      StoreOptions options;
      options.durability = i % 2 == 0 ? Durability::kDurable : Durability::kFast;
      Store store = Store::open(path, OpenMode::kReadWrite, options);
      std::int64_t last = 0;
      for (int write = 0; write < kWrites; ++write) {
        const std::int64_t generation =
            store.put_profile(draft_of("shared", pool), OnExisting::kReplace).generation;
        if (generation <= last) return 1;
        last = generation;
      }
      return 0;
    }));
  }
  for (const pid_t writer : writers) EXPECT_EQ(status_of(writer), 0);
  const Store store = Store::open(path, OpenMode::kReadOnly);
  EXPECT_EQ(store.find_profile("shared")->generation, kWriters * kWrites);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ProcessesTest, AKilledHolderOfTheWriteLockHoldsItNoLonger) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = in_child([&] {
    auto* database = tables_of(path).release();
    new profiles::sql::Transaction(*database);
    database->execute("DELETE FROM pool_block");
    if (::write(ends[1], "+", 1) != 1) return 1;
    ::pause();
    return 1;
  });
  await(ends[0]);
  Store store = Store::open(path, OpenMode::kReadWrite);
  EXPECT_EQ(store.pools()[0].block_objects.size(), 1U) << "readers do not wait for it";
  ::kill(child, SIGKILL);
  EXPECT_EQ(status_of(child), -1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(store.put_profile(draft_of("ada", pool)).generation, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4)) << "nobody waits";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ProcessesTest, AKilledReaderDoesNotKeepTheLog) {
  PEMA_REGISTRY_DB_ONLY("its log");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = in_child([&] {
    auto* database = new profiles::sqlite::Database(path + "/registry.db", OpenMode::kReadOnly);
    new profiles::sqlite::Transaction(*database, profiles::sqlite::TransactionKind::kRead);
    static_cast<void>(database->integer("SELECT count(*) FROM pool"));
    if (::write(ends[1], "+", 1) != 1) return 1;
    ::pause();
    return 1;
  });
  await(ends[0]);
  Store store = Store::open(path, OpenMode::kReadWrite);
  store.put_profile(draft_of("ada", pool));
  const auto log_bytes = [&] { return std::filesystem::file_size(path + "/registry.db-wal"); };
  EXPECT_GT(log_bytes(), 0U);
  ::kill(child, SIGKILL);
  EXPECT_EQ(status_of(child), -1);
  EXPECT_GT(store.registry_bytes(), 0);
  EXPECT_EQ(log_bytes(), 0U);
}

/// What a killed writer left in its log is read, or refused; it is never overlooked.
TEST_F(ProcessesTest, ALogInAFolderThatCannotBeWrittenIsNotOverlooked) {
  PEMA_REGISTRY_DB_ONLY("its log");
  const pid_t writer = in_child([&] {
    auto* store = new Store(Store::open(path, OpenMode::kReadWrite));
    store->put_profile(draft_of("ada", pool));
    return 7;  // leaves its log behind
  });
  ASSERT_EQ(status_of(writer), 7);
  ASSERT_GT(std::filesystem::file_size(path + "/registry.db-wal"), 0U);
  for (const bool index : {true, false}) {
    if (!index) std::filesystem::remove(path + "/registry.db-shm");
    ::chmod(folder.path().c_str(), 0755);
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      ::chmod(entry.path().c_str(), entry.is_directory() ? 0555 : 0444);
    }
    ::chmod(path.c_str(), 0555);
    const int status = status_of(in_child([&] {
      if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 99;
      return Store::open(path, OpenMode::kReadOnly).find_profile("ada").has_value() ? 0 : 1;
    }));
    ::chmod(path.c_str(), 0755);
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      ::chmod(entry.path().c_str(), entry.is_directory() ? 0755 : 0644);
    }
    EXPECT_TRUE(status == 0 || status == failed(ErrorCode::kIo)) << index << ": " << status;
  }
  EXPECT_TRUE(Store::open(path, OpenMode::kReadWrite).find_profile("ada").has_value());
}

}  // namespace
}  // namespace pema::test
