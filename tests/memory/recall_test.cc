#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "pema/memory.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;
using test::segment_of;
using test::unit_rows;

using Segments = std::vector<std::shared_ptr<const Segment>>;

/// Every entry with its distance in double, nearest first, ties by position.
std::vector<std::pair<double, std::int32_t>> reference(const Segments& segments,
                                                       std::span<const float> query) {
  std::vector<std::tuple<double, std::int64_t, std::int32_t>> all;
  for (const auto& segment : segments) {
    for (std::int64_t i = 0; i < segment->info().entries; ++i) {
      double dot = 0;
      for (std::size_t c = 0; c < query.size(); ++c) {
        dot += static_cast<double>(query[c]) * static_cast<double>(segment->keys().row(i)[c]);
      }
      all.emplace_back(2 - 2 * dot, all.size(), segment->tokens()[static_cast<std::size_t>(i)]);
    }
  }
  std::sort(all.begin(), all.end());
  std::vector<std::pair<double, std::int32_t>> result;
  for (const auto& [distance, position, token] : all) result.emplace_back(distance, token);
  return result;
}

TEST(Recall, AgreesWithABruteForceReferenceAtAllWidths) {
  for (const std::int64_t width : {1, 2, 15, 16, 17, 32, 33, 576}) {
    const Segments segments = {segment_of(unit_rows(40, width, 1)),
                               segment_of(Matrix<float>(0, width)),
                               segment_of(unit_rows(25, width, 2), 1000)};
    const Matrix<float> queries = unit_rows(8, width, 3);
    for (std::int64_t q = 0; q < queries.rows(); ++q) {
      const auto query = queries.view().row_span(q);
      const auto expected = reference(segments, query);
      const std::vector<Neighbour> found = recall(segments, query, 10);
      ASSERT_EQ(found.size(), 10U);
      for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_NEAR(found[i].distance, expected[i].first, 2e-6) << width;
        if (width > 2) {  // narrower ones have near ties, which rounding may swap
          EXPECT_EQ(found[i].token, expected[i].second) << width;
        }
      }
    }
  }
}

TEST(Recall, FindsAKeyItselfAtDistanceZero) {
  const Matrix<float> keys = unit_rows(30, 64, 4);
  const Segments segments = {segment_of(keys)};
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    const Neighbour nearest = recall(segments, keys.view().row_span(i), 1)[0];
    EXPECT_EQ(nearest.distance, 0.0F);
    EXPECT_EQ(nearest.token, i);
  }
}

TEST(Recall, OppositeKeysAreAtMostFourApart) {
  Matrix<float> key(1, 2);
  key.row(0)[0] = -1.0005F;
  const float query[] = {1.0005F, 0.0F};
  EXPECT_EQ(recall(Segments{segment_of(key)}, query, 1)[0].distance, 4.0F);
}

TEST(Recall, SelectsNoneOneAllButOneAndAll) {
  const Matrix<float> keys = unit_rows(7, 8, 5);
  const Segments segments = {segment_of(keys)};
  const auto query = keys.view().row_span(0);
  for (const std::int64_t k : {std::int64_t{1}, std::int64_t{6}, std::int64_t{7}, std::int64_t{8},
                               std::int64_t{4096}, INT64_MAX}) {
    const std::vector<Neighbour> found = recall(segments, query, k);
    EXPECT_EQ(found.size(), static_cast<std::size_t>(std::min<std::int64_t>(k, 7))) << k;
    EXPECT_TRUE(std::ranges::is_sorted(found, {}, &Neighbour::distance)) << k;
  }
  EXPECT_TRUE(recall({}, query, 3).empty());
  EXPECT_TRUE(recall(Segments{segment_of(Matrix<float>(0, 8))}, query, 3).empty());
  for (const std::int64_t k : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)recall(segments, query, k); });
  }
}

TEST(Recall, OrdersTiesBySegmentThenEntry) {
  Matrix<float> same(4, 3);
  for (std::int64_t i = 0; i < 4; ++i) same.row(i)[1] = 1.0F;
  const Segments segments = {segment_of(same, 50), segment_of(same, 10)};
  const float query[] = {1.0F, 0.0F, 0.0F};
  const std::vector<std::int32_t> order = {50, 51, 52, 53, 10, 11, 12, 13};
  for (std::int64_t k = 1; k <= 8; ++k) {
    const std::vector<Neighbour> found = recall(segments, query, k);
    ASSERT_EQ(found.size(), static_cast<std::size_t>(k));
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].token, order[i]) << k;
  }
}

TEST(Recall, DoesNotDependOnHowEntriesAreCutIntoSegments) {
  const Matrix<float> keys = unit_rows(60, 24, 6);
  Matrix<float> head(20, 24);
  Matrix<float> tail(40, 24);
  std::copy_n(keys.data(), 20 * 24, head.data());
  std::copy_n(keys.row(20), 40 * 24, tail.data());
  const Segments whole = {segment_of(keys)};
  const Segments cut = {segment_of(head), segment_of(tail, 20)};
  const Matrix<float> query = unit_rows(1, 24, 7);
  const auto a = recall(whole, query.view().row_span(0), 30);
  const auto b = recall(cut, query.view().row_span(0), 30);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].distance, b[i].distance);
    EXPECT_EQ(a[i].token, b[i].token);
  }
}

TEST(Recall, RefusesAnotherWidthAndNoSegment) {
  const Matrix<float> query = unit_rows(1, 8, 5);
  const auto row = query.view().row_span(0);
  const Segments segments = {segment_of(unit_rows(2, 8, 1)), segment_of(unit_rows(2, 9, 1))};
  expect_error(
      ErrorCode::kMismatch, [&] { (void)recall(segments, row, 1); }, "width 9");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)recall(Segments{nullptr}, row, 1); }, "null");
}

TEST(Recall, RefusesQueriesThatAreNoUnitVectors) {
  const Segments segments = {segment_of(unit_rows(2, 2, 1))};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& query : {std::array{0.0F, 0.0F}, {nan, 0.0F}, {inf, 0.0F}, {3.0F, 4.0F}}) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)recall(segments, query, 1); }, "make_recall_keys");
  }
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)recall(segments, {}, 1); });
}

}  // namespace
}  // namespace pema
