// Segments whose keys are rounded: what counts is the decoded key, in memory, in bytes, in a file
// and in a search.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/half.h"
#include "pema/codebook.h"
#include "src/core/atomic_file.h"
#include "src/memory/search.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema {
namespace {

using test::codebook_of;
using test::expect_error;
using test::kRounded;
using test::rounded_segment;
using test::segment_info;
using test::segment_of;
using test::source_of;
using test::unit_rows;
using Segments = std::vector<std::shared_ptr<const Segment>>;

std::vector<float> decoded(const Segment& segment, std::int64_t entry) {
  std::vector<float> key(static_cast<std::size_t>(segment.info().hidden));
  segment.decode(entry, key);
  return key;
}

double exact_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) {
    const double difference = static_cast<double>(a[c]) - static_cast<double>(b[c]);
    sum += difference * difference;
  }
  return sum;
}

TEST(KeyTypes, HaveNames) {
  for (const KeyType type :
       {KeyType::kFloat32, KeyType::kFloat16, KeyType::kInt8, KeyType::kProductQuantised}) {
    EXPECT_EQ(parse_key_type(to_string(type)), type);
  }
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_key_type("float8"); }, "f32, f16, int8 or pq");
}

TEST(KeyTypes, AreTheSameInMemoryInBytesAndInAFile) {
  const test::TemporaryFolder folder;
  for (const KeyType type : kRounded) {
    for (const std::int64_t rows : {0, 1, 32, 45}) {
      for (const std::int64_t width : {9, 16}) {
        const auto made = rounded_segment(type, unit_rows(rows, width, 4), 7);
        const std::vector<std::byte> bytes = made->serialise();
        EXPECT_EQ(made->digest(), sha256(bytes));
        core::write_file_atomically(folder.file("s"), bytes);
        for (const auto& read :
             {Segment::from_bytes(bytes, source_of(made)),
              Segment::open(folder.file("s"), made->digest(), source_of(made))}) {
          EXPECT_EQ(read->info().keys, type);
          EXPECT_EQ(read->info().entries, rows);
          EXPECT_EQ(read->info().codebook, made->info().codebook);
          EXPECT_EQ(read->keys().rows, 0);
          EXPECT_EQ(read->serialise(), bytes);
          EXPECT_TRUE(std::ranges::equal(read->tokens(), made->tokens()));
          for (std::int64_t i = 0; i < rows; ++i) EXPECT_EQ(decoded(*read, i), decoded(*made, i));
        }
      }
    }
  }
}

TEST(KeyTypes, RoundAsTheySay) {
  const Matrix<float> keys = unit_rows(40, 33, 5);
  const auto halves = rounded_segment(KeyType::kFloat16, keys);
  const auto bytes = rounded_segment(KeyType::kInt8, keys);
  const auto codes = rounded_segment(KeyType::kProductQuantised, keys);
  for (std::int64_t i = 0; i < 40; ++i) {
    const std::vector<float> half = decoded(*halves, i);
    for (std::int64_t c = 0; c < 33; ++c) {
      EXPECT_EQ(half[static_cast<std::size_t>(c)],
                kernels::from_float16(kernels::to_float16(keys.row(i)[c])));
    }
    // Half a step of the largest component on every component, then scaled to length 1, which moves
    // the key by no more than it was off.
    const auto key = keys.view().row_span(i);
    float largest = 0;
    for (const float value : key) largest = std::max(largest, std::abs(value));
    const double step = static_cast<double>(largest) / 127;
    const std::vector<float> byte = decoded(*bytes, i);
    EXPECT_LE(std::sqrt(exact_distance(key, byte)), 2 * step / 2 * std::sqrt(33.0) + 1e-5);
    EXPECT_NEAR(exact_distance(byte, std::vector<float>(33)), 1, 1e-5);
    EXPECT_LT(exact_distance(key, decoded(*codes, i)), 1.0);
  }
}

TEST(KeyTypes, ASearchFindsWhatItFindsInTheDecodedKeys) {
  kernels::ThreadPool pool(2);
  const Matrix<float> queries = unit_rows(6, 40, 9);
  for (const KeyType type : {KeyType::kFloat16, KeyType::kInt8}) {
    const auto rounded = rounded_segment(type, unit_rows(300, 40, 6));
    Matrix<float> plain(300, 40);
    for (std::int64_t i = 0; i < 300; ++i) rounded->decode(i, plain.view().row_span(i));
    const Segments stored{rounded};
    const Segments wide{segment_of(plain)};
    for (std::int64_t q = 0; q < 6; ++q) {
      const auto found = recall(stored, queries.view().row_span(q), 20);
      const auto expected = recall(wide, queries.view().row_span(q), 20);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].distance, expected[i].distance) << to_string(type);
        EXPECT_EQ(found[i].token, expected[i].token);
      }
    }
  }
}

TEST(KeyTypes, ProductQuantisedDistancesAreThoseOfTheDecodedKeys) {
  const auto segment = rounded_segment(KeyType::kProductQuantised, unit_rows(100, 40, 6));
  const Segments stored{segment};
  const Matrix<float> query = unit_rows(1, 40, 9);
  const auto found = recall(stored, query.view().row_span(0), 100);
  ASSERT_EQ(found.size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) {
    const double exact =
        exact_distance(query.view().row_span(0), decoded(*segment, found[i].token));
    // docs/numerics.md: width 3, 14 parts.
    EXPECT_NEAR(found[i].distance, exact, (3 + 14 + 4) * 0x1p-24 * exact * 1.01);
    EXPECT_GE(found[i].distance, found[i == 0 ? 0 : i - 1].distance);
  }
}

TEST(KeyTypes, MixInOneRowAndGiveEveryRowWhatItFindsAlone) {
  const std::int64_t width = 40;
  const Segments all{segment_of(unit_rows(50, width, 1)),
                     rounded_segment(KeyType::kProductQuantised, unit_rows(70, width, 2), 1000),
                     rounded_segment(KeyType::kInt8, unit_rows(33, width, 3), 2000),
                     rounded_segment(KeyType::kFloat16, unit_rows(90, width, 4), 3000),
                     rounded_segment(KeyType::kProductQuantised, unit_rows(20, width, 5), 4000)};
  const Segments some{all[1], all[0]};
  const Segments last{all[4]};
  const Matrix<float> queries = unit_rows(12, width, 9);
  std::vector<memory::SearchRow> rows;
  for (std::int64_t q = 0; q < 12; ++q) {
    rows.push_back({q % 3 == 0 ? all : q % 3 == 1 ? some : last, queries.view().row_span(q), 25});
  }
  for (const std::int64_t threads : {1, 3}) {
    kernels::ThreadPool pool(threads);
    const auto together = memory::search(rows, pool);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      // Every segment by itself, joined by distance and place.
      std::vector<Neighbour> joined;
      for (const auto& segment : rows[r].segments) {
        for (const Neighbour& one : recall({&segment, 1}, rows[r].query, 25)) {
          joined.push_back(one);
        }
      }
      std::stable_sort(joined.begin(), joined.end(), [](const Neighbour& a, const Neighbour& b) {
        return a.distance < b.distance;
      });
      ASSERT_EQ(together[r].size(), std::min<std::size_t>(25, joined.size()));
      for (std::size_t i = 0; i < together[r].size(); ++i) {
        EXPECT_EQ(together[r][i].distance, joined[i].distance);
        EXPECT_EQ(together[r][i].token, joined[i].token);
      }
    }
  }
}

TEST(KeyTypes, EqualKeysGoByPlaceThenEntry) {
  Matrix<float> keys = unit_rows(6, 16, 3);
  for (std::int64_t i = 1; i < 6; ++i) std::copy_n(keys.row(0), 16, keys.row(i));
  const auto a = rounded_segment(KeyType::kProductQuantised, keys, 10);
  const auto b = rounded_segment(KeyType::kProductQuantised, keys, 20);
  // Two rows that see them in opposite orders: whoever is read first, the row's own order counts.
  const Segments both{b, a};
  const Segments turned{a, b};
  const auto query = keys.view().row_span(0);
  const memory::SearchRow rows[] = {{both, query, 8}, {turned, query, 8}};
  kernels::ThreadPool pool(1);
  const auto found = memory::search(rows, pool);
  for (std::int32_t i = 0; i < 8; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(found[0][at].token, i < 6 ? 20 + i : 4 + i);
    EXPECT_EQ(found[1][at].token, i < 6 ? 10 + i : 14 + i);
  }
}

TEST(KeyTypes, DoNotBecomeFloat32InMemory) {
  const Matrix<float> keys = unit_rows(320, 64, 3);
  EXPECT_EQ(rounded_segment(KeyType::kProductQuantised, keys)->search_bytes(), 0);
  EXPECT_EQ(rounded_segment(KeyType::kInt8, keys)->search_bytes(), 320 * 12);
  EXPECT_EQ(rounded_segment(KeyType::kFloat16, keys)->search_bytes(), 320 * (64 + 12));
  EXPECT_LT(rounded_segment(KeyType::kProductQuantised, keys)->serialise().size(),
            320 * (22 + 4) + 640);
}

TEST(KeyTypes, RefuseKeysAndCodebooksThatDoNotFit) {
  const Matrix<float> keys = unit_rows(3, 16, 5);
  const std::vector<std::int32_t> tokens = {0, 1, 2};
  SegmentInfo info = segment_info(16);
  const auto book = codebook_of(info, 4);
  const auto make = [&](const SegmentInfo& i, const Matrix<float>& k,
                        std::shared_ptr<const Codebook> c) {
    return [=, &tokens] { (void)Segment::make(i, k.view(), tokens, c); };
  };
  expect_error(ErrorCode::kInvalidArgument, make(info, keys, book), "has no codebook");
  for (const KeyType type : kRounded) {
    info.keys = type;
    const auto codebook = type == KeyType::kProductQuantised ? book : nullptr;
    Matrix<float> bad = keys;
    bad.row(1)[3] = std::numeric_limits<float>::quiet_NaN();
    expect_error(ErrorCode::kInvalidArgument, make(info, bad, codebook), "entry 1");
    bad = keys;
    std::fill_n(bad.row(2), 16, 0.0F);
    expect_error(ErrorCode::kInvalidArgument, make(info, bad, codebook), "entry 2");
  }
  expect_error(ErrorCode::kInvalidArgument, make(info, keys, nullptr), "needs a codebook");
  SegmentInfo other = info;
  other.model = sha256("another model");
  expect_error(ErrorCode::kMismatch, make(other, keys, book), "codebook");
  other = info;
  other.site = FeatureSite::kPostNorm;
  expect_error(ErrorCode::kMismatch, make(other, keys, book), "post_norm");
  other = info;
  other.hidden = 12;
  expect_error(ErrorCode::kMismatch, make(other, unit_rows(3, 12, 1), book), "width 12");
  info.keys = static_cast<KeyType>(4);
  expect_error(ErrorCode::kInvalidArgument, make(info, keys, nullptr), "cannot be made");
}

}  // namespace
}  // namespace pema
