// An index by product codes: a stated recall with exact distances, exact where little is visible,
// the same whatever the threads, neighbours and budgets; what the budget chooses.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "src/core/atomic_file.h"
#include "src/memory/index_search.h"
#include "src/memory/scan_in_pieces.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::memory {
namespace {

using test::clustered_rows;
using test::expect_error;
using test::rounded_segment;
using test::segment_of;
using test::unit_rows;

constexpr std::int64_t kWidth = 24;

/// Segments of every type of keys that an index holds, in files; tokens are distinct.
struct World {
  World() {
    const std::int64_t sizes[] = {26'000, 900, 1, 0, 40, 3'000, 2'100};
    const KeyType types[] = {KeyType::kInt8,    KeyType::kFloat32, KeyType::kFloat16,
                             KeyType::kFloat32, KeyType::kInt8,    KeyType::kFloat32,
                             KeyType::kFloat16};
    for (unsigned s = 0; s < 7; ++s) {
      const auto first = static_cast<std::int32_t>(s == 0 ? 0 : 26'000 + 4'000 * s);
      const auto made = rounded_segment(types[s], clustered_rows(sizes[s], kWidth, s), first);
      const std::string path = folder.file(std::to_string(s));
      core::write_file_atomically(path, made->serialise());
      segments.push_back(Segment::open(path, made->digest()));
    }
  }
  static const World& all() {
    static const World world;
    return world;
  }
  test::TemporaryFolder folder;
  Segments segments;
  Matrix<float> queries = clustered_rows(40, kWidth, 99);
};

IndexOptions product(std::int64_t lists = 50) {
  IndexOptions options;
  options.lists = lists;
  options.codes = IndexCodes::kProduct;
  options.bytes_per_key = 8;
  return options;
}

// Scans in pieces of 768 KB: the first segment alone has 728 KB. What is scanned is dear, so that
// the planner takes the index.
constexpr std::int64_t kBudget = 3 << 20;

std::shared_ptr<const SegmentIndex> built() {
  static const auto index = [] {
    kernels::ThreadPool pool(2);
    IndexOptions options = product();
    options.memory_budget = kBudget;
    return SegmentIndex::build(World::all().segments, pool, options);
  }();
  return index;
}

bool same(const std::vector<Neighbour>& a, const std::vector<Neighbour>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Neighbour& x, const Neighbour& y) {
                      return x.distance == y.distance && x.token == y.token;
                    });
}

/// Every query, seeing all of `segments`.
std::vector<SearchRow> rows_of(const Segments& segments, std::int64_t k = 32) {
  std::vector<SearchRow> rows;
  for (std::int64_t r = 0; r < 40; ++r) {
    rows.push_back({segments, World::all().queries.view().row_span(r), k});
  }
  return rows;
}

TEST(ProductIndex, FindsTheShareThatIsAskedForWithExactDistances) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  const auto index = built();
  EXPECT_EQ(index->entries(), 32'041);
  EXPECT_LT(index->bytes(), 32'041 * 24 + 50 * kWidth * 4 + kWidth * 1024 + 50 * 64 * 20 + 1000);
  int through_index = 0;
  for (const std::int64_t k : {5, 32, 100}) {
    const std::vector<SearchRow> rows = rows_of(world.segments, k);
    const auto exact = search(rows, pool);
    for (const double wanted : {0.9, 0.95, 0.99}) {
      const SearchPlan plan = plan_search(index.get(), index->entries(), 0, {wanted}, k);
      through_index += plan.with_index ? 1 : 0;
      const auto found = search(rows, pool, index.get(), {wanted});
      double hits = 0;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        ASSERT_EQ(std::ssize(found[r]), k);
        std::set<std::pair<float, std::int32_t>> true_ones;
        for (const Neighbour& near : exact[r]) true_ones.emplace(near.distance, near.token);
        for (const Neighbour& near : found[r]) {
          const bool nearest = near.distance <= exact[r].back().distance;
          // The very distance of the exact search, not one of codes.
          EXPECT_TRUE(!nearest || true_ones.contains({near.distance, near.token}));
          hits += nearest ? 1 : 0;
        }
      }
      EXPECT_GE(hits / static_cast<double>(40 * k), wanted - 0.03) << wanted << ", k " << k;
    }
  }
  EXPECT_GE(through_index, 6);
}

TEST(ProductIndex, IsExactWhereLittleIsVisibleOrAllIsWanted) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  const auto index = built();
  const Segments few(world.segments.begin() + 1, world.segments.end());
  const auto small = rows_of(few);
  const auto large = rows_of(world.segments);
  for (const auto& [rows, wanted] : {std::pair(small, 0.9), std::pair(large, 1.0)}) {
    const auto expected = search(rows, pool);
    const auto found = search(rows, pool, index.get(), {wanted});
    for (std::size_t r = 0; r < rows.size(); ++r) EXPECT_TRUE(same(found[r], expected[r]));
  }
}

TEST(ProductIndex, ARowDependsOnNothingButItself) {
  const World& world = World::all();
  const auto index = built();
  std::vector<Segments> rights;
  std::vector<SearchRow> rows;
  std::mt19937 random(4);
  for (std::int64_t r = 0; r < 40; ++r) {
    Segments some{world.segments[0]};
    for (std::size_t s = 1; s < 7; ++s) {
      if (random() % 2 == 0) some.push_back(world.segments[s]);
    }
    std::shuffle(some.begin(), some.end(), random);
    if (r % 5 == 0) some.push_back(world.segments[1]);  // perhaps a second time
    rights.push_back(std::move(some));
  }
  for (std::int64_t r = 0; r < 40; ++r) {
    rows.push_back({rights[static_cast<std::size_t>(r)], world.queries.view().row_span(r), 1 + r});
  }
  kernels::ThreadPool one(1);
  const auto expected = search(rows, one, index.get(), {0.9});
  for (const std::int64_t threads : {2, 3}) {
    kernels::ThreadPool pool(threads);
    const auto found = search(rows, pool, index.get(), {0.9});
    for (std::size_t r = 0; r < rows.size(); ++r) {
      EXPECT_TRUE(same(found[r], expected[r])) << r;
      EXPECT_TRUE(same(search({&rows[r], 1}, pool, index.get(), {0.9})[0], expected[r])) << r;
    }
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (const Neighbour& near : expected[r]) {
      EXPECT_TRUE(std::any_of(rights[r].begin(), rights[r].end(),
                              [&](const auto& segment) {
                                const auto tokens = segment->tokens();
                                return std::find(tokens.begin(), tokens.end(), near.token) !=
                                       tokens.end();
                              }))
          << "a token of a segment that row " << r << " may not see";
    }
  }
}

TEST(ProductIndex, ABudgetChangesNoResult) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  test::TemporaryFolder folder;
  std::string said;
  std::vector<std::int32_t> all(7);
  std::iota(all.begin(), all.end(), 0);
  std::vector<kernels::ListRow> rows;
  for (std::int64_t q = 0; q < 40; ++q) rows.push_back({world.queries.row(q), all, 32, 9, 150});
  std::vector<const Segment*> seen;
  for (const auto& segment : world.segments) seen.push_back(segment.get());
  std::vector<std::vector<std::vector<kernels::NearKey>>> found;
  for (const std::int64_t budget : {std::int64_t{0}, kBudget, std::int64_t{1} << 40}) {
    IndexOptions options = product();
    options.memory_budget = budget;
    const auto index =
        SegmentIndex::open_or_build(folder.file("index"), world.segments, pool, options, said);
    EXPECT_EQ(said.empty(), budget != 0) << said;
    found.push_back(index->nearest(rows, seen, pool));
    const auto exact = rows_of(world.segments);
    const auto expected = search(exact, pool);
    const auto with_index = search(exact, pool, index.get(), {1});
    for (std::size_t r = 0; r < 40; ++r) EXPECT_TRUE(same(with_index[r], expected[r])) << r;
  }
  EXPECT_EQ(found[1], found[0]);
  EXPECT_EQ(found[2], found[0]);
}

TEST(ProductIndex, AScanInPiecesIsAScan) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  Segments some(world.segments.rbegin(), world.segments.rend());
  some.push_back(world.segments[1]);
  some.push_back(rounded_segment(KeyType::kProductQuantised, clustered_rows(70, kWidth, 12)));
  const auto rows = rows_of(some, 50);
  const auto expected = search_places(rows, pool);
  for (const std::int64_t bytes : {1, 100'000, 1 << 30}) {
    EXPECT_EQ(scan_in_pieces(rows, pool, bytes), expected) << bytes;
  }
}

/// Kilobytes of the file's mappings that are in memory.
std::int64_t resident(const std::string& path) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool ours = false;
  std::int64_t sum = 0;
  while (std::getline(maps, line)) {
    if (line.find('-') != std::string::npos && line.find(" r") != std::string::npos) {
      ours = line.ends_with(path);
    }
    if (ours && line.starts_with("Rss:")) sum += std::stoll(line.substr(4));
  }
  return sum;
}

TEST(ProductIndex, NothingOfAFileStaysInMemoryUnlessItIsUsed) {
  test::TemporaryFolder folder;
  const std::string path = folder.file("segment");
  const auto made = rounded_segment(KeyType::kFloat16, clustered_rows(30'000, kWidth, 3));
  core::write_file_atomically(path, made->serialise());
  const auto segment = Segment::open(path, made->digest());
  EXPECT_EQ(resident(path), 0) << "opening looked at every byte";
  kernels::ThreadPool pool(1);
  const Segments some{segment};
  const std::vector<SearchRow> rows = rows_of(some);
  const auto expected = search_places(rows, pool, KeepCodes::kNo);
  EXPECT_GT(resident(path), 1000);
  EXPECT_EQ(scan_in_pieces(rows, pool, 1), expected);
  EXPECT_EQ(resident(path), 0);
}

TEST(ProductIndex, NeedsNoSegmentsButThoseOfTheRows) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  const test::TemporaryFolder folder;
  const std::vector<std::byte> bytes = built()->serialise();
  core::write_file_atomically(folder.file("index"), bytes);
  std::vector<std::byte> lent = bytes;
  const auto alone = SegmentIndex::from_bytes(lent, "index");
  lent.assign(lent.size(), std::byte{0});  // nobody keeps them
  const auto mapped = SegmentIndex::open(folder.file("index"));
  for (const auto& index : {alone, mapped}) {
    EXPECT_EQ(index->kind(), IndexCodes::kProduct);
    EXPECT_EQ(index->serialise(), bytes);
    EXPECT_EQ(index->bytes(), built()->bytes());
    EXPECT_EQ(index->entries(), 32'041);
    EXPECT_EQ(index->number_of(world.segments[5].get()), 5);
    for (const auto& segment : index->segments()) EXPECT_EQ(segment, nullptr);
  }
  // Nobody sees segment 5; the largest comes as another object than the index's.
  core::write_file_atomically(folder.file("again"), world.segments[0]->serialise());
  const auto again = Segment::open(folder.file("again"), world.segments[0]->digest());
  std::vector<const Segment*> seen;
  for (const auto& segment : world.segments) seen.push_back(segment.get());
  seen[5] = nullptr;
  std::vector<const Segment*> brought = seen;
  brought[0] = again.get();
  const std::vector<std::int32_t> most{0, 1, 2, 3, 4, -1, 6};
  std::vector<kernels::ListRow> rows;
  for (std::int64_t q = 0; q < 40; ++q) rows.push_back({world.queries.row(q), most, 32, 9, 150});
  const auto expected = built()->nearest(rows, seen, pool);
  for (const auto& index : {built(), alone, mapped}) {
    EXPECT_EQ(index->nearest(rows, brought, pool), expected);
    if (index == built()) {
      EXPECT_EQ(resident(folder.file("again")), 0) << "the budget holds for it too";
    }
    Segments own = world.segments;
    own[0] = again;
    const auto all = rows_of(own);
    const auto exact = search(all, pool);
    const auto found = search(all, pool, index.get(), {1});
    for (std::size_t r = 0; r < 40; ++r) EXPECT_TRUE(same(found[r], exact[r])) << r;
    const auto some = search(all, pool, index.get(), {0.9});
    const auto same_again = search(rows_of(world.segments), pool, index.get(), {0.9});
    for (std::size_t r = 0; r < 40; ++r) EXPECT_TRUE(same(some[r], same_again[r])) << r;
  }
}

TEST(ProductIndex, TheBudgetChoosesTheCodes) {
  const World& world = World::all();
  kernels::ThreadPool pool(1);
  const Segments some{world.segments[1]};
  IndexOptions options;
  options.lists = 3;
  const auto kind = [&](std::int64_t budget) {
    options.memory_budget = budget;
    return SegmentIndex::build(some, pool, options)->kind();
  };
  EXPECT_EQ(kind(0), IndexCodes::kInt8);
  EXPECT_EQ(kind(2 * 900 * 44), IndexCodes::kInt8);
  options.bytes_per_key = 4;
  EXPECT_EQ(kind(2 * 900 * 44 - 2), IndexCodes::kProduct);
  expect_error(
      ErrorCode::kOverBudget, [&] { (void)kind(2 * 900 * 16 - 2); }, "give it more");
  options.codes = IndexCodes::kInt8;
  expect_error(
      ErrorCode::kOverBudget, [&] { (void)kind(2 * 900 * 44 - 2); }, "int8");
  for (const std::int64_t bytes : {0, 65}) {
    options.bytes_per_key = bytes;
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)kind(0); }, "bytes per key");
  }
}

}  // namespace
}  // namespace pema::memory
