// Segments put together from others' entries: the bits that storing all of them at once gives, and
// the bits that searching them one by one gives.
#include <gtest/gtest.h>

#include "pema/segment_edit.h"
#include "src/memory/search.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

/// Rows [begin, end) but those of `without`.
Matrix<float> some_rows(const Matrix<float>& keys, std::int64_t begin, std::int64_t end,
                        const std::vector<std::int64_t>& without = {}) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = begin; i < end; ++i) {
    if (std::find(without.begin(), without.end(), i) == without.end()) rows.push_back(i);
  }
  Matrix<float> some(std::ssize(rows), keys.cols());
  for (std::int64_t i = 0; i < some.rows(); ++i) {
    std::copy_n(keys.row(rows[static_cast<std::size_t>(i)]), keys.cols(), some.row(i));
  }
  return some;
}

std::shared_ptr<const Segment> stored(KeyType type, const Matrix<float>& keys,
                                      std::int32_t token = 0) {
  return type == KeyType::kFloat32 ? segment_of(keys, token) : rounded_segment(type, keys, token);
}

class Join : public testing::TestWithParam<KeyType> {};

TEST_P(Join, GivesTheBytesOfOneThatWasStoredAtOnce) {
  for (const std::int64_t width : {1, 7, 24}) {
    const Matrix<float> keys = unit_rows(150, width, 3);
    const auto whole = stored(GetParam(), keys);
    std::vector<SegmentPiece> pieces;
    std::int64_t begin = 0;
    for (const std::int64_t count : {5, 0, 32, 64, 1, 48}) {
      pieces.push_back({stored(GetParam(), some_rows(keys, begin, begin + count),
                               static_cast<std::int32_t>(begin))});
      begin += count;
    }
    const auto joined = join_segments(pieces);
    EXPECT_EQ(joined->digest(), whole->digest()) << width;
    const SegmentPiece alone{whole};
    EXPECT_EQ(join_segments({&alone, 1})->digest(), whole->digest());
  }
}

TEST_P(Join, LeavesEntriesOut) {
  const Matrix<float> keys = unit_rows(70, 9, 4);
  const std::vector<std::int64_t> without{0, 1, 31, 40, 69};
  const SegmentPiece piece{stored(GetParam(), keys), without};
  const auto left = join_segments({&piece, 1});
  const auto expected = stored(GetParam(), some_rows(keys, 0, 70, without));
  ASSERT_EQ(left->info().entries, 65);
  for (std::int64_t i = 0; i < 65; ++i) {
    std::vector<float> a(9);
    std::vector<float> b(9);
    left->decode(i, a);
    expected->decode(i, b);
    EXPECT_EQ(a, b);
  }
  EXPECT_EQ(left->tokens()[0], 2);
  EXPECT_EQ(left->tokens()[64], 68);
  std::vector<std::int64_t> all(70);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const SegmentPiece nothing{piece.segment, all};
  EXPECT_EQ(join_segments({&nothing, 1})->digest(),
            stored(GetParam(), some_rows(keys, 0, 0))->digest());
}

TEST_P(Join, FindsWhatAListFindsBitForBit) {
  // Keys that several parts have, so that ties decide.
  const Matrix<float> keys = unit_rows(400, 20, 5);
  std::vector<std::shared_ptr<const Segment>> list;
  std::vector<SegmentPiece> pieces;
  for (const auto& [begin, end] :
       std::vector<std::pair<int, int>>{{0, 100}, {50, 117}, {0, 3}, {117, 400}, {390, 400}}) {
    const auto token = static_cast<std::int32_t>(1000 * list.size());
    list.push_back(stored(GetParam(), some_rows(keys, begin, end), token));
    pieces.push_back({list.back()});
  }
  const std::vector<std::shared_ptr<const Segment>> merged{join_segments(pieces)};
  const Matrix<float> queries = unit_rows(30, 20, 6);
  kernels::ThreadPool pool(2);
  for (std::int64_t q = 0; q < 60; ++q) {
    const float* const query = q < 30 ? queries.row(q) : keys.row(q);
    const memory::SearchRow rows[] = {{list, {query, 20}, 37}, {merged, {query, 20}, 37}};
    const auto found = memory::search(rows, pool);
    ASSERT_EQ(found[0].size(), found[1].size());
    for (std::size_t n = 0; n < found[0].size(); ++n) {
      EXPECT_EQ(found[0][n].distance, found[1][n].distance);
      EXPECT_EQ(found[0][n].token, found[1][n].token);
    }
  }
}

TEST_P(Join, EqualEntriesAreThoseOfTheSameKeyAndToken) {
  const Matrix<float> keys = unit_rows(80, 12, 8);
  const auto segment = stored(GetParam(), keys);
  EXPECT_EQ(equal_entries(*segment, *stored(GetParam(), some_rows(keys, 30, 34), 30)),
            (std::vector<std::int64_t>{30, 31, 32, 33}));
  EXPECT_TRUE(equal_entries(*segment, *stored(GetParam(), some_rows(keys, 30, 34), 31)).empty())
      << "other tokens";
  EXPECT_TRUE(equal_entries(*segment, *stored(GetParam(), unit_rows(5, 12, 9))).empty());
  EXPECT_TRUE(equal_entries(*segment, *stored(GetParam(), some_rows(keys, 0, 0))).empty());
}

INSTANTIATE_TEST_SUITE_P(Types, Join,
                         testing::Values(KeyType::kFloat32, KeyType::kFloat16, KeyType::kInt8,
                                         KeyType::kProductQuantised),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST(JoinTest, RefusesWhatIsNotOfOneKind) {
  const Matrix<float> keys = unit_rows(4, 6, 1);
  const auto segment = segment_of(keys);
  const auto refuse = [&](const std::shared_ptr<const Segment>& other) {
    const std::vector<SegmentPiece> pieces{{segment}, {other}};
    expect_error(
        ErrorCode::kMismatch, [&] { static_cast<void>(join_segments(pieces)); }, "one kind");
    expect_error(ErrorCode::kMismatch, [&] { static_cast<void>(equal_entries(*segment, *other)); });
  };
  refuse(segment_of(unit_rows(4, 7, 1)));
  refuse(rounded_segment(KeyType::kInt8, keys));
  SegmentInfo info = segment_info(6);
  info.model = sha256("another");
  refuse(Segment::make(info, keys.view(), segment->tokens()));
  info = segment_info(6);
  info.site = FeatureSite::kPostNorm;
  refuse(Segment::make(info, keys.view(), segment->tokens()));
  info = segment_info(6);
  info.keys = KeyType::kProductQuantised;
  const auto a = Segment::make(info, keys.view(), segment->tokens(), codebook_of(info, 2));
  const auto b = Segment::make(info, keys.view(), segment->tokens(), codebook_of(info, 3));
  const std::vector<SegmentPiece> books{{a}, {b}};
  expect_error(
      ErrorCode::kMismatch, [&] { static_cast<void>(join_segments(books)); }, "codebook");
  for (const std::vector<std::int64_t>& without :
       {std::vector<std::int64_t>{4}, {-1}, {2, 2}, {3, 1}}) {
    const SegmentPiece piece{segment, without};
    expect_error(
        ErrorCode::kInvalidArgument,
        [&] {
          static_cast<void>(join_segments({&piece, 1}));
        },
        "rise");
  }
  expect_error(ErrorCode::kInvalidArgument, [] { static_cast<void>(join_segments({})); });
  const SegmentPiece null{};
  expect_error(ErrorCode::kInvalidArgument, [&] { static_cast<void>(join_segments({&null, 1})); });
}

}  // namespace
}  // namespace pema::test
