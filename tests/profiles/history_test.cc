// Four writing threads and four reading processes on one store: what the readers saw is a history.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <random>
#include <thread>

#include "pema/profile_reader.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

constexpr int kWriters = 4;
constexpr int kReaders = 4;
constexpr int kPairs = 6;

std::string name_of(int pair, char side) { return message("pair ", pair, " ", side); }

/// Both of a pair are always written in one transaction, with one lambda.
void write_pairs(const std::string& path, PoolId pool, int writer, int writes) {
  Store store = Store::open(path, OpenMode::kReadWrite);
  std::mt19937 random(static_cast<unsigned>(writer));
  for (int i = 0; i < writes; ++i) {
    const int pair = static_cast<int>(random() % kPairs);
    std::vector<ProfileDraft> drafts{draft_of(name_of(pair, 'a'), pool),
                                     draft_of(name_of(pair, 'b'), pool)};
    for (ProfileDraft& draft : drafts) draft.schedule.lambda_max = (writes * writer + i) / 1e4;
    store.put_profiles(drafts, OnExisting::kReplace);
  }
}

/// 0 when every snapshot was one state of the store and none was older than the one before.
int read_history(const std::string& path) {
  ProfileReader reader = ProfileReader::open(path);
  std::array<std::int64_t, kPairs> last{};
  ProfileRecord a;
  ProfileRecord b;
  for (bool more = true; more;) {
    more = !reader.find("stop", a);
    for (int pair = 0; pair < kPairs; ++pair) {
      const bool there = reader.find(name_of(pair, 'a'), a);
      if (there != reader.find(name_of(pair, 'b'), b)) return 1;
      if (!there) continue;
      if (a.generation != b.generation || a.schedule != b.schedule) return 2;
      std::int64_t& seen = last[static_cast<std::size_t>(pair)];
      if (a.generation < seen) return 3;
      seen = a.generation;
    }
    static_cast<void>(reader.refresh());
  }
  return 0;
}

TEST(HistoryTest, ReadersSeeOneStateAfterTheOther) {
  const char* text = std::getenv("PEMA_HISTORY_WRITES");
  const int writes = text != nullptr ? std::atoi(text) : 25;
  TemporaryFolder folder;
  const std::string path = folder.file("store");
  PoolId pool;
  {
    Store store = Store::open(path, OpenMode::kCreate, new_store());
    store.put_model(tiny_model(), "");
    pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
  }
  std::vector<pid_t> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(in_child([&] { return read_history(path); }));
  }
  std::vector<std::thread> writers;
  std::array<std::string, kWriters> failures;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      try {
        write_pairs(path, pool, i, writes);
      } catch (const std::exception& error) {
        failures[static_cast<std::size_t>(i)] = error.what();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  Store store = Store::open(path, OpenMode::kReadWrite);
  store.put_profile(draft_of("stop", pool));
  for (const pid_t reader : readers) EXPECT_EQ(status_of(reader), 0);
  for (const std::string& failure : failures) EXPECT_EQ(failure, "");
  std::int64_t generations = 0;
  for (const ProfileRecord& record : store.profiles()) generations += record.generation;
  EXPECT_EQ(generations, 2 * kWriters * writes + 1) << "each write happened once";
  EXPECT_TRUE(store.verify().empty());
}

}  // namespace
}  // namespace pema::test
