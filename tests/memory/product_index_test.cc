// An index by product codes: a stated recall with exact distances, exact where little is visible,
// the same whatever the threads and neighbours.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/memory/product_index_fixture.h"

namespace pema::memory {
namespace {

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

}  // namespace
}  // namespace pema::memory
