// Nobody reads what they have no right to: people whose rights are granted, revoked and erased
// while others search, through indexes that are built, dropped and built again meanwhile, and in
// shared segments that grow, lose entries and are merged. Every entry of a segment carries the
// number of the text that it was made of as its token, so that a value tells where it came from.
// One second by default; PEMA_ISOLATION_SECONDS says otherwise.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "pema/planner.h"
#include "src/memory/index_search.h"
#include "tests/engine/isolation_fixture.h"

namespace pema::test {
namespace {

std::chrono::milliseconds duration() {
  const char* const text = std::getenv("PEMA_ISOLATION_SECONDS");
  const double seconds = text != nullptr ? std::strtod(text, nullptr) : 1.0;
  return std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds));
}

/// What the threads did.
struct Counts {
  std::atomic<std::int64_t> searches = 0;
  std::atomic<std::int64_t> through_index = 0;  ///< rows
  std::atomic<std::int64_t> built = 0;
  std::atomic<std::int64_t> changed = 0;    ///< teams' segments
  std::atomic<std::int64_t> overtaken = 0;  ///< a segment was erased while an index was built
};

/// Builds and drops indexes, over everybody or the teams, in a store of its own; busy: a slow disk.
void build_once(Store& store, std::span<const SegmentId> teams, std::mt19937& random,
                Counts& counts) {
  RecallIndexDraft draft;
  draft.name = random() % 2 == 0 ? "all" : "teams";
  if (draft.name == "all") {
    draft.scope = IndexScope::kEverybody;
  } else {
    for (const SegmentId id : teams) {
      if (random() % 2 == 0) draft.segments.push_back(id);
    }
    if (draft.segments.empty()) return;
  }
  try {
    if (random() % 4 == 0) {
      store.remove_index(draft.name);
      return;
    }
    // One list: what a row would be scanned for is soon more.
    (void)store.build_index(draft, {.lists = 1, .threads = 1});
    ++counts.built;
  } catch (const Error& error) {
    ASSERT_TRUE(error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kBusy)
        << error.what();
    ++counts.overtaken;
  }
}

/// One batch of random people; every value found must be of a segment that its row may read.
void search_once(LeaseBook& book, const Rights& rights, std::mt19937& random,
                 kernels::ThreadPool& pool, Counts& counts) {
  constexpr std::int64_t kRows = 8;
  std::vector<std::shared_ptr<const Lease>> leases;
  std::vector<std::vector<std::shared_ptr<const Segment>>> visible;
  Matrix<float> queries(kRows, kHidden);
  std::vector<memory::SearchRow> rows;
  for (std::int64_t i = 0; i < kRows; ++i) {
    try {
      leases.push_back(book.acquire("p" + std::to_string(random() % kPeople)));
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kNotFound) << error.what();  // erased at this moment
      continue;
    }
    visible.push_back(leases.back()->own);
    visible.back().insert(visible.back().end(), leases.back()->shared.begin(),
                          leases.back()->shared.end());
  }
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const std::span<float> query = queries.view().row_span(static_cast<std::int64_t>(i));
    fill_key(random, query);
    rows.push_back({visible[i], query, 20});
  }
  const auto scanned = memory::search(rows, pool);
  auto found = scanned;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const LeaseIndex& index = leases[i]->index;
    if (index.index == nullptr) continue;
    found[i] = memory::search({&rows[i], 1}, pool, index.index.get(), {0.9})[0];
    ASSERT_EQ(found[i].size(), scanned[i].size());
    for (std::size_t n = 0; n < found[i].size(); ++n) {
      ASSERT_EQ(found[i][n].distance, scanned[i][n].distance);
      ASSERT_EQ(found[i][n].token, scanned[i][n].token);
    }
    for (const RecallPlan& plan : explain_recall({}, *leases[i])) {
      counts.through_index += plan.through_index ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const Texts allowed = rights.of(*leases[i]);
    Texts held;
    for (const auto& segment : visible[i]) {
      for (const std::int32_t number : segment->tokens()) ++held[number];
    }
    ASSERT_EQ(held, allowed) << leases[i]->name << " generation " << leases[i]->generation;
    for (const Neighbour& neighbour : found[i]) {
      ASSERT_TRUE(allowed.contains(neighbour.token))
          << leases[i]->name << " generation " << leases[i]->generation << " read text "
          << neighbour.token;
    }
  }
}

TEST_F(Isolation, NoRowEverReadsOutsideItsRights) {
  const Store reading = Store::open(folder.file("store"), OpenMode::kReadOnly);
  LeaseBook book(reading, model.info, memory);
  store.on_erasure([&](std::span<const Digest> gone) { memory->erase(gone); });
  std::atomic<bool> stop = false;
  Counts counts;
  std::vector<std::thread> readers;
  readers.emplace_back([&] {
    Store building = Store::open(folder.file("store"), OpenMode::kReadWrite);
    building.on_erasure([&](std::span<const Digest> gone) { memory->erase(gone); });
    std::mt19937 own_random(99);
    std::vector<SegmentId> ids;
    for (const Team& team : teams) ids.push_back(team.id);
    while (!stop && !testing::Test::HasFatalFailure()) {
      build_once(building, ids, own_random, counts);
    }
  });
  for (unsigned t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      std::mt19937 own_random(100 + t);
      kernels::ThreadPool pool(1);
      while (!stop && !testing::Test::HasFatalFailure()) {
        search_once(book, rights, own_random, pool, counts);
        ++counts.searches;
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + duration();
  while (std::chrono::steady_clock::now() < end) {
    const std::string name = "p" + std::to_string(random() % kPeople);
    if (random() % 3 == 0) {
      change_team();
      ++counts.changed;
    } else if (random() % 4 == 0) {
      erase(name);
    } else {
      write(name);
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(counts.searches.load(), 0);
  EXPECT_GT(counts.built.load() + counts.overtaken.load(), 0);
  EXPECT_TRUE(store.verify().empty());
  EXPECT_GT(counts.changed.load(), 0);
  std::printf(
      "searches %lld, sources through an index %lld, indexes built %lld, overtaken %lld, shared "
      "segments changed %lld\n",
      static_cast<long long>(counts.searches), static_cast<long long>(counts.through_index),
      static_cast<long long>(counts.built), static_cast<long long>(counts.overtaken),
      static_cast<long long>(counts.changed));
}

TEST_F(Isolation, OtherPeopleDoNotMoveARow) {
  const auto neighbours_of = [&](const std::string& name) {
    LeaseBook book(store, model.info);
    const auto lease = book.acquire(name);
    Matrix<float> query(1, kHidden);
    std::mt19937 fixed(5);
    fill_key(fixed, query.view().row_span(0));
    kernels::ThreadPool pool(2);
    std::vector<std::pair<float, std::int32_t>> found;
    for (const auto* segments : {&lease->own, &lease->shared}) {
      const std::vector<memory::SearchRow> rows{{*segments, query.view().row_span(0), 20}};
      const auto nearest = memory::search(rows, pool);
      for (const Neighbour& n : nearest[0]) found.emplace_back(n.distance, n.token);
    }
    return found;
  };
  const auto before = neighbours_of("p7");
  for (int i = 0; i < 50; ++i) write("new" + std::to_string(i));
  for (int i = 0; i < 20; ++i) erase("p" + std::to_string(20 + i));
  EXPECT_EQ(neighbours_of("p7"), before);
}

}  // namespace
}  // namespace pema::test
