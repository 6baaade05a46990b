#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "profiles/sql/transaction.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

/// A folder with a store that nobody has open: what a parent has open must not cross a fork.
struct ClosedStore {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  PoolId pool;

  ClosedStore() {
    Store store = Store::open(path, OpenMode::kCreate, new_store());
    store.put_model(tiny_model(), "");
    pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
  }
};

TEST(ConcurrencyTest, OneOfManyEnrolmentsOfANameWins) {
  const ClosedStore closed;
  constexpr int kRounds = 10;
  constexpr int kProcesses = 4;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
      children.push_back(in_child([&] {
        Store store = Store::open(closed.path, OpenMode::kReadWrite);
        store.put_profile(draft_of("round " + std::to_string(round), closed.pool));
        return 0;
      }));
    }
    int won = 0;
    int refused = 0;
    for (const pid_t child : children) {
      const int status = status_of(child);
      won += status == 0 ? 1 : 0;
      refused += status == failed(ErrorCode::kAlreadyExists) ? 1 : 0;
    }
    EXPECT_EQ(won, 1);
    EXPECT_EQ(refused, kProcesses - 1);
  }
  const Store store = Store::open(closed.path, OpenMode::kReadOnly);
  EXPECT_EQ(store.profile_count(), kRounds);
  EXPECT_TRUE(store.verify().empty());
}

TEST(ConcurrencyTest, OneOfManyCreationsWins) {
  const TemporaryFolder folder;
  // Often enough to meet: two in a hundred rounds once found the new file's lock taken.
  for (int round = 0; round < 25; ++round) {
    const std::string path = folder.file("new" + std::to_string(round));
    const StoreOptions options = new_store();
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) {
      children.push_back(in_child([&] {
        static_cast<void>(Store::open(path, OpenMode::kCreate, options));
        return 0;
      }));
    }
    int won = 0;
    for (const pid_t child : children) {
      const int status = status_of(child);
      won += status == 0 ? 1 : 0;
      EXPECT_TRUE(status == 0 || status == failed(ErrorCode::kAlreadyExists)) << status;
    }
    EXPECT_EQ(won, 1);
    EXPECT_TRUE(Store::open(path, OpenMode::kReadOnly).verify().empty());
  }
}

TEST(ConcurrencyTest, ReadersNeverSeeHalfOfAWrite) {
  const ClosedStore closed;
  const pid_t writer = in_child([&] {
    Store store = Store::open(closed.path, OpenMode::kReadWrite);
    for (int round = 0; round < 20; ++round) {
      std::vector<ProfileDraft> drafts;
      for (int i = 0; i < 100; ++i) {
        drafts.push_back(draft_of(std::to_string(round) + "/" + std::to_string(i), closed.pool));
      }
      store.put_profiles(drafts);
    }
    return 0;
  });
  Store store = Store::open(closed.path, OpenMode::kReadOnly);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::int64_t last = 0;
  while (last < 2000 && std::chrono::steady_clock::now() < end) {
    const std::int64_t count = store.profile_count();
    ASSERT_EQ(count % 100, 0);
    ASSERT_GE(count, last);
    last = count;
  }
  EXPECT_EQ(status_of(writer), 0);
  EXPECT_EQ(last, 2000);
}

TEST(ConcurrencyTest, RemovingAndStoringTheSameSegmentNeverLosesAFile) {
  const ClosedStore closed;
  const auto enrol_and_remove = [&](const std::string& name) {
    Store store = Store::open(closed.path, OpenMode::kReadWrite);
    for (int i = 0; i < 30; ++i) {
      const SegmentRecord segment = store.put_segment(*tiny_segment(1), SegmentKind::kOwn);
      // Between the two calls the other process may remove the segment's last reader.
      const std::optional<Error> error =
          error_of([&] { store.put_profile(draft_of(name, closed.pool, {segment.id})); });
      if (error) {
        if (error->code() != ErrorCode::kNotFound) return 1;
        continue;
      }
      if (store.load_segment(segment.id)->info().entries != 5) return 2;
      if (!store.verify().empty()) return 3;
      store.remove_profile(name);
    }
    return 0;
  };
  const pid_t first = in_child([&] { return enrol_and_remove("ada"); });
  const pid_t second = in_child([&] { return enrol_and_remove("bob"); });
  EXPECT_EQ(status_of(first), 0);
  EXPECT_EQ(status_of(second), 0);
  EXPECT_TRUE(Store::open(closed.path, OpenMode::kReadOnly).verify().empty());
}

TEST(ConcurrencyTest, AWriterWaitsFiveSecondsAndIsThenBusy) {
  TinyStore tiny;
  const PoolId pool = tiny.put_pool().id;
  const auto other = tables_of(tiny.path);
  auto held = std::make_unique<profiles::sql::Transaction>(*other);
  const auto start = std::chrono::steady_clock::now();
  expect_error(
      ErrorCode::kBusy, [&] { tiny.store.put_profile(draft_of("ada", pool)); }, "another process");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  EXPECT_EQ(tiny.store.profile_count(), 0) << "reading goes on meanwhile";
  held.reset();
  EXPECT_EQ(tiny.store.put_profile(draft_of("ada", pool)).generation, 1);
}

TEST(ConcurrencyTest, AKilledWriterLeavesNothingOfItsTransaction) {
  const ClosedStore closed;
  const pid_t child = in_child([&] {
    auto* database = tables_of(closed.path).release();
    new profiles::sql::Transaction(*database);
    database->execute("DELETE FROM pool_block; DELETE FROM pool;");
    return 7;
  });
  EXPECT_EQ(status_of(child), 7);
  const Store store = Store::open(closed.path, OpenMode::kReadWrite);
  EXPECT_EQ(store.pools().size(), 1U);
  EXPECT_TRUE(store.verify().empty());
}

}  // namespace
}  // namespace pema::test
