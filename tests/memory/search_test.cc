// A batch of rows finds what each row finds alone, and only in the segments that it may see.
#include "src/memory/search.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::memory {
namespace {

using test::expect_error;
using test::segment_of;
using test::unit_rows;
using Segments = std::vector<std::shared_ptr<const Segment>>;

bool same(const std::vector<Neighbour>& a, const std::vector<Neighbour>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](Neighbour x, Neighbour y) {
    return x.distance == y.distance && x.token == y.token;
  });
}

TEST(Search, EveryRowFindsWhatItFindsAlone) {
  constexpr std::int64_t kWidth = 40;
  std::vector<std::shared_ptr<const Segment>> all;
  for (int s = 0; s < 12; ++s) {
    all.push_back(segment_of(unit_rows(7 * s, kWidth, static_cast<unsigned>(s)), 1000 * s));
  }
  const Matrix<float> queries = unit_rows(30, kWidth, 99);
  std::mt19937 random(5);
  std::vector<Segments> rights(30);
  std::vector<SearchRow> rows;
  for (std::size_t r = 0; r < rights.size(); ++r) {
    for (const auto& segment : all) {
      if (random() % 3 == 0) rights[r].push_back(segment);
    }
    rows.push_back({rights[r], queries.view().row_span(static_cast<std::int64_t>(r)),
                    static_cast<std::int64_t>(1 + random() % 40)});
  }
  kernels::ThreadPool pool(2);
  const auto together = search(rows, pool);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    EXPECT_TRUE(same(together[r], recall(rights[r], rows[r].query, rows[r].k))) << r;
    for (const Neighbour& neighbour : together[r]) {
      const auto owner = static_cast<std::size_t>(neighbour.token / 1000);
      EXPECT_NE(std::find(rights[r].begin(), rights[r].end(), all[owner]), rights[r].end());
    }
  }
}

TEST(Search, ASegmentNamedTwiceIsTwo) {
  const auto segment = segment_of(unit_rows(5, 8, 1));
  const Segments twice{segment, segment};
  const Matrix<float> query = unit_rows(1, 8, 2);
  const auto found = recall(twice, query.view().row_span(0), 100);
  ASSERT_EQ(found.size(), 10U);
  for (std::size_t i = 0; i < 10; i += 2) EXPECT_EQ(found[i].token, found[i + 1].token);
}

TEST(Search, ThreadsMayAskForTheCodesOfOneSegmentAtOnce) {
  const auto segment = segment_of(unit_rows(2000, 64, 1));
  const Segments visible{segment};
  const Matrix<float> query = unit_rows(1, 64, 2);
  std::vector<std::vector<Neighbour>> found(4);
  std::vector<std::thread> threads;
  for (auto& out : found) {
    threads.emplace_back([&] { out = recall(visible, query.view().row_span(0), 10); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& out : found) EXPECT_TRUE(same(out, found[0]));
}

TEST(Search, NamesTheRowThatItRefuses) {
  const Segments good{segment_of(unit_rows(5, 8, 1))};
  const Segments foreign{segment_of(unit_rows(5, 9, 1))};
  const Segments none{nullptr};
  const Matrix<float> query = unit_rows(1, 8, 2);
  const Matrix<float> zero(1, 8);
  kernels::ThreadPool pool(1);
  const SearchRow fine{good, query.view().row_span(0), 3};
  const auto refused = [&](const SearchRow& row, ErrorCode code) {
    const SearchRow rows[] = {fine, row};
    expect_error(
        code, [&] { (void)search(rows, pool); }, "row 1");
  };
  refused({good, query.view().row_span(0), 0}, ErrorCode::kInvalidArgument);
  refused({good, zero.view().row_span(0), 3}, ErrorCode::kInvalidArgument);
  refused({none, query.view().row_span(0), 3}, ErrorCode::kInvalidArgument);
  refused({foreign, query.view().row_span(0), 3}, ErrorCode::kMismatch);
  EXPECT_TRUE(search({}, pool).empty());
}

}  // namespace
}  // namespace pema::memory
