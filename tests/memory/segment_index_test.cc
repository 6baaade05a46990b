// Searching with an index: exactly what is found without one, where nothing less is asked for; a
// stated recall where it is; files that are damaged or too old are refused and made again.
#include "src/memory/segment_index.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "src/memory/index_search.h"
#include "tests/memory/index_damage.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::memory {
namespace {

using test::clustered_rows;
using test::expect_error;
using test::segment_of;
using test::unit_rows;

constexpr std::int64_t kWidth = 24;

bool same(const std::vector<std::vector<Neighbour>>& a,
          const std::vector<std::vector<Neighbour>>& b) {
  const auto equal = [](const Neighbour& x, const Neighbour& y) {
    return x.distance == y.distance && x.token == y.token;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), equal);
  });
}

struct World {
  World() {
    const std::int64_t sizes[] = {30'000, 900, 1, 0, 40, 3'000};
    for (unsigned s = 0; s < 6; ++s) {
      segments.push_back(segment_of(clustered_rows(sizes[s], kWidth, s),
                                    static_cast<std::int32_t>(s == 0 ? 0 : 30'000 + 4'000 * s)));
    }
  }
  static const World& all() {
    static const World world;
    return world;
  }
  Segments segments;
  Matrix<float> queries = clustered_rows(40, kWidth, 99);
};

TEST(SegmentIndex, FindsExactlyWhatAScanFinds) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  IndexOptions options;
  options.lists = 50;
  // Segments 4 and 5 came after the index.
  const Segments old(world.segments.begin(), world.segments.begin() + 4);
  const auto index = SegmentIndex::build(old, pool, options);
  EXPECT_EQ(index->entries(), 30'901);
  std::vector<Segments> rights;
  std::vector<SearchRow> rows;
  std::mt19937 random(4);
  for (int r = 0; r < 40; ++r) {
    Segments some;
    for (const auto& segment : world.segments) {
      if (random() % 4 != 0) some.push_back(segment);
    }
    std::shuffle(some.begin(), some.end(), random);
    if (r % 5 == 0) some.push_back(world.segments[1]);  // perhaps a second time
    rights.push_back(std::move(some));
  }
  std::int64_t indexed = 0;
  for (std::int64_t r = 0; r < 40; ++r) {
    rows.push_back({rights[static_cast<std::size_t>(r)], world.queries.view().row_span(r), 1 + r});
    std::int64_t keys = 0;
    for (const auto& segment : rights[static_cast<std::size_t>(r)]) {
      if (index->number_of(segment.get()) >= 0) keys += segment->info().entries;
    }
    indexed += plan_search(index.get(), keys, 0, {}).with_index ? 1 : 0;
  }
  EXPECT_GT(indexed, 5);
  EXPECT_LT(indexed, 40);
  const auto expected = search(rows, pool);
  EXPECT_TRUE(same(search(rows, pool, index.get(), {}), expected));
  kernels::ThreadPool other(3);
  EXPECT_TRUE(same(search(rows, other, index.get(), {}), expected));
  EXPECT_TRUE(same(search(rows, pool, nullptr, {}), expected));
  for (std::size_t r = 0; r < rows.size(); ++r) {
    EXPECT_TRUE(same(search({&rows[r], 1}, pool, index.get(), {}), {expected[r]})) << r;
    const auto loose = search({&rows[r], 1}, pool, index.get(), {0.9});
    EXPECT_TRUE(same(loose, {search(rows, other, index.get(), {0.9})[r]})) << r;
  }
}

TEST(SegmentIndex, FindsTheShareThatIsAskedFor) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  IndexOptions options;
  options.lists = 50;
  const auto index = SegmentIndex::build(world.segments, pool, options);
  std::vector<SearchRow> rows;
  for (std::int64_t r = 0; r < 40; ++r) {
    rows.push_back({world.segments, world.queries.view().row_span(r), 32});
  }
  const auto exact = search(rows, pool);
  double last = 0;
  for (const double wanted : {0.9, 0.95, 0.99, 1.0}) {
    EXPECT_GE(index->measure(1, wanted).probes, last);
    last = static_cast<double>(index->measure(1, wanted).probes);
    const auto found = search(rows, pool, index.get(), {wanted});
    double hits = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (const Neighbour& near : found[r]) hits += near.distance <= exact[r].back().distance;
    }
    EXPECT_GE(hits / (40 * 32), wanted - 0.03) << wanted;
  }
  EXPECT_EQ(plan_search(index.get(), 15'000, 0, {0.9}).probes, index->codes().lists())
      << "few visible keys are searched exactly";
}

TEST(SegmentIndex, RefusesWhatMakesNoSense) {
  const World& world = World::all();
  kernels::ThreadPool pool(1);
  const Segments some{world.segments[1], world.segments[4]};
  const auto index = SegmentIndex::build(some, pool);
  const SearchRow row{some, world.queries.view().row_span(0), 3};
  const auto refuse = [&](ErrorCode code, auto body, const char* says) {
    expect_error(code, body, says);
  };
  refuse(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)search({&row, 1}, pool, index.get(), {0.0});
      },
      "wanted recall");
  refuse(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)search({&row, 1}, pool, index.get(), {1.5});
      },
      "wanted recall");
  const SearchRow no_count{some, row.query, 0};
  refuse(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)search({&no_count, 1}, pool, index.get(), {});
      },
      "at least 1");
  const Segments none{nullptr};
  const SearchRow null{none, row.query, 1};
  refuse(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)search({&null, 1}, pool, index.get(), {});
      },
      "null");
  const Matrix<float> narrow = unit_rows(1, kWidth - 1, 5);
  const SearchRow foreign{some, narrow.view().row_span(0), 1};
  refuse(
      ErrorCode::kMismatch,
      [&] {
        (void)search({&foreign, 1}, pool, index.get(), {});
      },
      "the index has");
  refuse(
      ErrorCode::kInvalidArgument, [&] { (void)SegmentIndex::build({}, pool); }, "at least one");
  refuse(
      ErrorCode::kInvalidArgument, [&] { (void)SegmentIndex::build({nullptr}, pool); }, "null");
  refuse(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)SegmentIndex::build({some[0], some[0]}, pool);
      },
      "twice");
  refuse(
      ErrorCode::kMismatch,
      [&] {
        (void)SegmentIndex::build({some[0], segment_of(narrow)}, pool);
      },
      "base model");
}

TEST(SegmentIndexFile, KeepsTheIndex) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  const Segments some{world.segments[5], world.segments[1], world.segments[3]};
  IndexOptions options;
  options.lists = 7;
  const auto index = SegmentIndex::build(some, pool, options);
  const std::vector<std::byte> bytes = index->serialise();
  EXPECT_EQ(bytes, SegmentIndex::build(some, pool, options)->serialise()) << "always the same";
  const auto again = SegmentIndex::from_bytes(bytes, {some[2], some[0], some[1]}, "index");
  EXPECT_EQ(again->serialise(), bytes);
  const SearchRow row{some, world.queries.view().row_span(3), 50};
  EXPECT_TRUE(same(search({&row, 1}, pool, again.get(), {}), search({&row, 1}, pool)));
}

TEST(SegmentIndexFile, NeedsNoSegmentsButThoseOfTheRows) {
  const World& world = World::all();
  kernels::ThreadPool pool(2);
  const Segments some{world.segments[0], world.segments[1], world.segments[3]};
  IndexOptions options;
  options.lists = 40;
  const std::vector<std::byte> bytes = SegmentIndex::build(some, pool, options)->serialise();
  const auto alone = SegmentIndex::from_bytes(bytes, "index");
  EXPECT_EQ(alone->serialise(), bytes);
  EXPECT_EQ(alone->entries(), 30'900);
  EXPECT_EQ(alone->digests()[1], some[1]->digest());
  for (const std::shared_ptr<const Segment>& segment : alone->segments()) {
    EXPECT_EQ(segment, nullptr);
  }
  // Row 1 sees what row 0 does not; neither sees segment 1.
  const Segments first{world.segments[0], world.segments[4]};
  const Segments second{world.segments[5], world.segments[3], world.segments[0]};
  const std::vector<SearchRow> rows{{first, world.queries.view().row_span(0), 32},
                                    {second, world.queries.view().row_span(1), 9}};
  EXPECT_TRUE(plan_search(alone.get(), 30'000, 40, {}).with_index);
  EXPECT_TRUE(same(search(rows, pool, alone.get(), {}), search(rows, pool)));
}

TEST(SegmentIndexFile, DamageIsFound) {
  kernels::ThreadPool pool(1);
  const Segments some{segment_of(unit_rows(70, 5, 1))};
  IndexOptions options;
  options.lists = 3;
  const std::vector<std::byte> bytes = SegmentIndex::build(some, pool, options)->serialise();
  test::expect_damage_found(bytes, some);
}

TEST(SegmentIndexFile, OneThatIsDamagedOrTooOldIsBuiltAgainAndSaid) {
  kernels::ThreadPool pool(1);
  const auto folder = std::filesystem::path(testing::TempDir()) / "segment_index";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string path = folder / "all.index";
  Segments segments{segment_of(unit_rows(70, 5, 1)), segment_of(unit_rows(20, 5, 2), 100)};
  std::string said;
  const auto open = [&] { return SegmentIndex::open_or_build(path, segments, pool, {}, said); };
  EXPECT_EQ(open()->entries(), 90);
  EXPECT_NE(said.find("no index"), std::string::npos) << said;
  (void)open();
  EXPECT_EQ(said, "");
  segments.push_back(segment_of(unit_rows(3, 5, 3), 200));
  EXPECT_EQ(open()->entries(), 93);
  EXPECT_NE(said.find("made for 2 segments, there are 3 now"), std::string::npos) << said;
  segments.erase(segments.begin());
  EXPECT_EQ(open()->entries(), 23);
  EXPECT_NE(said.find("which is gone"), std::string::npos) << said;
  std::filesystem::resize_file(path, 300);
  EXPECT_EQ(open()->entries(), 23);
  EXPECT_NE(said.find("built again"), std::string::npos) << said;
  (void)open();
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace pema::memory
