// Nobody reads what they have no right to: people whose rights are granted, revoked and erased
// while others search, through indexes that are built, dropped and built again meanwhile, and in
// shared segments that grow, lose entries and are merged. Every entry of a segment carries the
// number of the text that it was made of as its token, so that a value tells where it came from.
// One second by default; PEMA_ISOLATION_SECONDS says otherwise.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "pema/memory_manager.h"
#include "pema/planner.h"
#include "pema/segment_list.h"
#include "src/memory/index_search.h"
#include "tests/engine/isolation_rights.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

constexpr std::int64_t kPeople = 200;
constexpr std::int64_t kTeams = 12;
constexpr std::int64_t kNumbers = std::int64_t{1} << 20;  // tokens, so segments, there may be

std::chrono::milliseconds duration() {
  const char* const text = std::getenv("PEMA_ISOLATION_SECONDS");
  const double seconds = text != nullptr ? std::strtod(text, nullptr) : 1.0;
  return std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds));
}

/// A unit vector near `centre`, so that everybody's keys lie among everybody else's.
void fill_key(std::mt19937& random, std::span<float> key) {
  std::normal_distribution<float> normal;
  double square = 0;
  for (float& value : key) {
    value = 0.5F + 0.3F * normal(random);
    square += static_cast<double>(value * value);
  }
  for (float& value : key) value /= static_cast<float>(std::sqrt(square));
}

std::shared_ptr<const Segment> numbered_segment(std::mt19937& random, const TinyModel& model,
                                                std::int32_t number) {
  Matrix<float> keys(1 + static_cast<std::int64_t>(random() % 40), kHidden);
  for (std::int64_t i = 0; i < keys.rows(); ++i) fill_key(random, keys.view().row_span(i));
  SegmentInfo info;
  info.model = model.info.fingerprint;
  info.hidden = kHidden;
  info.vocab = kNumbers;
  const Matrix<float>& filled = keys;
  return Segment::make(info, filled.view(),
                       std::vector<std::int32_t>(static_cast<std::size_t>(keys.rows()), number));
}

class Isolation : public testing::Test {
 protected:
  Isolation() : store(Store::open(folder.file("store"), OpenMode::kCreate)) {
    ModelInfo info = model.info;
    info.vocab = kNumbers;
    store.put_model(info, "tiny.gguf");
    for (std::int64_t team = 0; team < kTeams; ++team) {
      const std::int32_t number = next_number++;
      const auto segment = numbered_segment(random, model, number);
      Team& made = teams.emplace_back();
      made.id = store.put_segment(*segment, SegmentKind::kShared, "team" + std::to_string(team)).id;
      made.texts = {{number, segment->info().entries}};
      note(made, made.version);
    }
    for (std::int64_t i = 0; i < kPeople; ++i) write("p" + std::to_string(i));
  }

  /// Gives `name` a new own segment or lets it keep none, and a random choice of teams.
  void write(const std::string& name) {
    ProfileDraft draft;
    draft.name = name;
    draft.schedule = {.lambda_own = 0.3, .lambda_shared = 0.3};
    std::set<SegmentId> may;
    for (const Team& team : teams) {
      if (random() % 3 != 0) continue;
      draft.segments.push_back(team.id);
      may.insert(team.id);
    }
    std::optional<Texts> texts;
    std::optional<Digest> own;
    if (random() % 4 != 0) {
      const std::int32_t number = next_number++;
      draft.own_segments.push_back(numbered_segment(random, model, number));
      texts = {{number, draft.own_segments[0]->info().entries}};
      own = draft.own_segments[0]->digest();
    }
    rights.note(name, ++generations[name], std::move(texts), std::move(may));
    store.put_profile(draft, OnExisting::kReplace);
    expect_gone(name);
    if (own) owned[name] = *own;
  }

  void note(const Team& team, std::int64_t version) {
    Texts texts;
    for (const auto& [number, entries] : team.texts) {
      if (entries > 0) texts[number] = entries;
    }
    rights.note(team.id, version, std::move(texts));
  }

  /// A random team's segment grows, is merged, or loses some entries or a text.
  void change_team() {
    Team& team = teams[random() % teams.size()];
    const std::int64_t next = team.version + 1;
    const std::size_t what = random() % 8;
    if (team.texts.size() < 6 && what < 4) {
      const std::int32_t number = next_number++;
      const auto segment = numbered_segment(random, model, number);
      team.texts.emplace_back(number, segment->info().entries);
      note(team, next);
      team.version = store.append_segment(team.id, *segment).version;
    } else if (what < 6) {
      note(team, next);
      team.version = store.merge_segment(team.id, {}).record.version;
    } else {
      forget(team, next);
    }
    ASSERT_LE(team.version, next);
  }

  /// The last entries of a random text; all of them, as often as not.
  void forget(Team& team, std::int64_t next) {
    auto& [number, entries] = team.texts[random() % team.texts.size()];
    if (entries == 0) return;
    std::int64_t first = 0;
    for (const auto& [other, count] : team.texts) {
      if (other == number) break;
      first += count;
    }
    const std::int64_t end = first + entries;
    const std::int64_t kept =
        random() % 2 == 0 ? 0
                          : static_cast<std::int64_t>(random() % static_cast<unsigned>(entries));
    entries = kept;
    note(team, next);
    team.version =
        store.forget_entries(team.id, {.entries = {{first + kept, end - 1}}}).record.version;
    std::erase_if(team.texts, [](const auto& text) { return text.second == 0; });
    if (team.texts.empty()) team.texts.emplace_back(next_number++, 0);
  }

  /// The own segment that a person had is in no index and not in memory any more.
  void expect_gone(const std::string& name) {
    const auto node = owned.extract(name);
    if (node.empty()) return;
    EXPECT_TRUE(store.covering_indexes({&node.mapped(), 1}).empty());
    EXPECT_FALSE(memory->holds({MemoryKind::kSegment, node.mapped()}));
  }

  void erase(const std::string& name) {
    store.remove_profile(name);
    expect_gone(name);
    write(name);  // comes back as somebody else
  }

  TinyModel model;
  std::mt19937 random{67};
  TemporaryFolder folder;
  Store store;
  std::vector<Team> teams;
  std::int32_t next_number = 0;
  std::map<std::string, std::int64_t> generations;
  std::map<std::string, Digest> owned;
  Rights rights;
  /// Room for some of the segments and for two or three indexes.
  std::shared_ptr<MemoryManager> memory =
      std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = std::int64_t{5} << 20});
};

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
