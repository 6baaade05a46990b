// An index by product codes within a budget of memory: what the budget chooses, what stays in
// memory, and that no result changes with it.
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "src/memory/scan_in_pieces.h"
#include "tests/memory/product_index_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::memory {
namespace {

using test::clustered_rows;
using test::expect_error;
using test::rounded_segment;

TEST(ProductIndexBudget, ABudgetChangesNoResult) {
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

TEST(ProductIndexBudget, TheBudgetChoosesTheCodes) {
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

TEST(ProductIndexBudget, AScanInPiecesIsAScan) {
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

TEST(ProductIndexBudget, NothingOfAFileStaysInMemoryUnlessItIsUsed) {
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

TEST(ProductIndexBudget, NeedsNoSegmentsButThoseOfTheRows) {
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

}  // namespace
}  // namespace pema::memory
