// Sums of chosen rows from tiles, in every number type: against float64, in company, and refused.
#include "kernels/tiled_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/half.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

constexpr double kU = 0x1p-24;

std::vector<const float*> pointers(const Matrix<float>& values) {
  std::vector<const float*> rows;
  for (std::int64_t i = 0; i < values.rows(); ++i) rows.push_back(values.row(i));
  return rows;
}

TiledRows tiled(const Matrix<float>& values, NumberType type, std::span<const float> scale = {}) {
  ThreadPool pool(2);
  return {pointers(values), scale, values.cols(), type, pool};
}

std::vector<std::int32_t> every_third(std::int64_t entries, std::int64_t rows) {
  std::vector<std::int32_t> chosen;
  for (std::int64_t e = 0; e < entries; ++e) {
    chosen.push_back(static_cast<std::int32_t>(3 * e % rows));
  }
  return chosen;
}

std::vector<float> sum_of(const TiledRows& matrix, std::span<const std::int32_t> rows,
                          std::span<const float> weights, std::int64_t threads = 1) {
  // What is written must not depend on what was there.
  std::vector<float> out(static_cast<std::size_t>(matrix.cols()),
                         std::numeric_limits<float>::quiet_NaN());
  ThreadPool pool(threads);
  const TiledSum sum{rows, weights, out.data()};
  sum_tiled_rows(matrix, {&sum, 1}, pool);
  return out;
}

/// What keeping `value` in the matrix may cost.
double storage_error(const TiledRows& matrix, double value) {
  switch (matrix.type()) {
    case NumberType::kFloat32:
      return 0;
    case NumberType::kFloat16:
      return std::max(std::abs(value) * 0x1p-11, 0x1p-25);
    case NumberType::kBFloat16:
      return std::abs(value) * 0x1p-8;
    case NumberType::kInt8:
      return 0.5001 * static_cast<double>(matrix.step());
  }
  return 0;
}

class TiledSums : public testing::TestWithParam<NumberType> {
 protected:
  /// kernels/README.md.
  void expect_within_bound(const Matrix<float>& values, const TiledRows& matrix,
                           std::span<const std::int32_t> rows, std::span<const float> weights) {
    const std::vector<float> out = sum_of(matrix, rows, weights);
    const auto entries = static_cast<double>(rows.size());
    for (std::int64_t c = 0; c < values.cols(); ++c) {
      double expected = 0;
      double magnitude = 0;
      double storage = 0;
      for (std::size_t e = 0; e < rows.size(); ++e) {
        const auto weight = static_cast<double>(weights[e]);
        const auto value = static_cast<double>(values.row(rows[e])[c]);
        const double error = storage_error(matrix, value);
        expected += weight * value;
        magnitude += std::abs(weight) * (std::abs(value) + error);
        storage += std::abs(weight) * error;
      }
      ASSERT_NEAR(static_cast<double>(out[static_cast<std::size_t>(c)]), expected,
                  storage + (entries + 3) * kU * magnitude)
          << values.cols() << " columns, " << rows.size() << " entries, column " << c;
    }
  }
};

TEST_P(TiledSums, MatchFloat64WithinTheStatedBound) {
  std::mt19937 random(1);
  for (const std::int64_t cols : {1, 5, 31, 32, 33, 63, 64, 65, 127, 129, 1000}) {
    const Matrix<float> values = test::random_matrix(random, 11, cols);
    const TiledRows matrix = tiled(values, GetParam());
    for (const std::int64_t entries : {0, 1, 2, 3, 4, 5, 7, 8, 9, 11}) {
      const std::vector<std::int32_t> rows = every_third(entries, 11);
      expect_within_bound(values, matrix, rows, test::random_vector(random, entries, -1, 1));
      const std::vector<float> equal(rows.size(), 0.3F);
      expect_within_bound(values, matrix, rows, equal);
    }
  }
}

TEST_P(TiledSums, RowsThatTwoSumsShareChangeNoBit) {
  std::mt19937 random(8);
  Matrix<float> values = test::random_matrix(random, 300, 70);
  for (std::int64_t i = 0; i < 300; ++i) values.row(i)[3] = i % 2 == 0 ? 9.0F : -9.0F;
  const TiledRows matrix = tiled(values, GetParam());
  std::vector<std::vector<std::int32_t>> rows;
  for (const double share : {0.4, 0.4, 0.0, 0.01, 0.8, 0.84, 0.5, 1.0, 1.0, 0.3, 0.6}) {
    std::vector<std::int32_t>& chosen = rows.emplace_back();
    for (std::int32_t i = 0; i < 300; ++i) {
      if (std::bernoulli_distribution(share)(random)) chosen.push_back(i);
    }
  }
  std::swap(rows[0][3], rows[0][7]);  // not rising: a sum in its own order
  rows.push_back(rows[9]);            // the same rows twice, next to each other
  std::swap(rows[10], rows[11]);
  std::vector<std::vector<float>> weights;
  std::vector<std::vector<float>> out;
  std::vector<TiledSum> sums;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    weights.emplace_back(rows[s].size(), 0.25F * static_cast<float>(s) - 1.0F);
    if (s == 5) weights.back()[2] = 7.0F;  // not equal
    out.emplace_back(70);
  }
  for (std::size_t s = 0; s < rows.size(); ++s) {
    sums.push_back({rows[s], weights[s], out[s].data()});
  }
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}}) {  // pairs fall otherwise
    ThreadPool pool(2);
    sum_tiled_rows(matrix, std::span(sums).subspan(first), pool);
    for (std::size_t s = first; s < rows.size(); ++s) {
      EXPECT_EQ(out[s], sum_of(matrix, rows[s], weights[s])) << "sum " << s << " from " << first;
    }
  }
}

TEST_P(TiledSums, ManyRowsDoNotOverflow) {
  std::mt19937 random(2);
  Matrix<float> values = test::random_matrix(random, 700, 70);
  for (std::int64_t i = 0; i < 700; ++i) values.row(i)[3] = 9.0F;  // the largest of all
  const TiledRows matrix = tiled(values, GetParam());
  for (const std::int64_t entries : {255, 256, 257, 258, 259, 511, 512, 513, 700}) {
    std::vector<std::int32_t> rows;
    for (std::int32_t i = 0; i < entries; ++i) rows.push_back(i);
    const std::vector<float> equal(rows.size(), 0.5F);
    expect_within_bound(values, matrix, rows, equal);
  }
}

TEST_P(TiledSums, ScalesAreMultipliedIn) {
  std::mt19937 random(3);
  const Matrix<float> values = test::random_matrix(random, 6, 40);
  const std::vector<float> scale = test::random_vector(random, 6, -2, 2);
  Matrix<float> scaled = values;
  for (std::int64_t i = 0; i < 6; ++i) {
    for (float& value : scaled.view().row_span(i)) value *= scale[static_cast<std::size_t>(i)];
  }
  const std::vector<std::int32_t> rows{0, 2, 5};
  const std::vector<float> weights{1, 1, 1};
  EXPECT_EQ(sum_of(tiled(values, GetParam(), scale), rows, weights),
            sum_of(tiled(scaled, GetParam()), rows, weights));
}

TEST_P(TiledSums, CompanyAndThreadsDoNotChangeABit) {
  std::mt19937 random(4);
  const std::int64_t cols = 3001;
  const Matrix<float> values = test::random_matrix(random, 50, cols);
  const TiledRows matrix = tiled(values, GetParam());
  const std::vector<std::int32_t> rows = every_third(37, 50);
  const std::vector<float> weights = test::random_vector(random, 37, -1, 1);
  const std::vector<float> equal(37, -0.7F);
  const std::vector<float> alone = sum_of(matrix, rows, weights);
  const std::vector<float> alone_equal = sum_of(matrix, rows, equal);
  for (const std::int64_t threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    Matrix<float> out(4, cols);
    const std::vector<std::int32_t> other = every_third(41, 43);
    const std::vector<float> other_weights(41, 2.0F);
    const std::vector<TiledSum> sums{
        {other, other_weights, out.row(0)},
        {rows, weights, out.row(1)},
        {std::span(rows).first(5), std::span(weights).first(5), out.row(2)},
        {rows, equal, out.row(3)}};
    sum_tiled_rows(matrix, sums, pool);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), out.row(1))) << threads;
    EXPECT_TRUE(std::equal(alone_equal.begin(), alone_equal.end(), out.row(3))) << threads;
  }
}

TEST_P(TiledSums, NothingToSumGivesZeros) {
  std::mt19937 random(5);
  const TiledRows none = tiled(Matrix<float>(0, 40), GetParam());
  EXPECT_EQ(sum_of(none, {}, {}), std::vector<float>(40));
  const TiledRows zeros = tiled(Matrix<float>(3, 40), GetParam());
  const std::vector<std::int32_t> rows{0, 1, 2};
  const std::vector<float> ones{1, 1, 1};
  EXPECT_EQ(sum_of(zeros, rows, ones), std::vector<float>(40));
  const TiledRows empty = tiled(Matrix<float>(3, 0), GetParam());
  EXPECT_TRUE(sum_of(empty, rows, ones).empty());
  EXPECT_EQ(empty.bytes(), 0);
}

TEST_P(TiledSums, WhatDoesNotFitIsRefused) {
  const TiledRows matrix = tiled(Matrix<float>(2, 4), GetParam());
  const std::vector<std::int32_t> inside{1};
  const std::vector<float> one{1};
  const auto refused = [&](std::span<const std::int32_t> rows, std::span<const float> weights,
                           const char* words) {
    test::expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)sum_of(matrix, rows, weights); }, words);
  };
  const std::vector<std::int32_t> outside{2};
  const std::vector<std::int32_t> negative{-1};
  const std::vector<float> nan{std::numeric_limits<float>::quiet_NaN()};
  refused(outside, one, "row 2");
  refused(negative, one, "row -1");
  refused(inside, nan, "not finite");
  refused(inside, {}, "weights");
  Matrix<float> infinite(2, 4);
  infinite.row(1)[3] = std::numeric_limits<float>::infinity();
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)tiled(infinite, GetParam()); }, "row 1 column 3");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)tiled(Matrix<float>(2, 4), GetParam(), one); },
      "scales");
}

INSTANTIATE_TEST_SUITE_P(All, TiledSums,
                         testing::Values(NumberType::kFloat32, NumberType::kFloat16,
                                         NumberType::kBFloat16, NumberType::kInt8),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(TiledRows, IntegersAreSummedExactly) {
  // Multiples of the step, so that nothing is rounded but the last product.
  std::mt19937 random(6);
  Matrix<float> values(300, 66);
  for (std::int64_t i = 0; i < 300 * 66; ++i) {
    values.data()[i] = static_cast<float>(static_cast<int>(random() % 255) - 127);
  }
  values.row(7)[0] = 127;
  const TiledRows matrix = tiled(values, NumberType::kInt8);
  EXPECT_EQ(matrix.step(), 1.0F);
  std::vector<std::int32_t> rows;
  for (std::int32_t i = 299; i >= 0; --i) rows.push_back(i);
  const std::vector<float> out = sum_of(matrix, rows, std::vector<float>(300, 1.0F));
  for (std::int64_t c = 0; c < 66; ++c) {
    float expected = 0;  // whole numbers below 2^24
    for (std::int64_t i = 0; i < 300; ++i) expected += values.row(i)[c];
    EXPECT_EQ(out[static_cast<std::size_t>(c)], expected) << c;
  }
}

TEST(TiledRows, TakeTheBytesOfTheirType) {
  const Matrix<float> values(10, 128);
  EXPECT_EQ(tiled(values, NumberType::kFloat32).bytes(), 10 * 128 * 4);
  EXPECT_EQ(tiled(values, NumberType::kFloat16).bytes(), 10 * 128 * 2);
  EXPECT_EQ(tiled(values, NumberType::kBFloat16).bytes(), 10 * 128 * 2);
  EXPECT_EQ(tiled(values, NumberType::kInt8).bytes(), 10 * 128);
}

TEST(TiledRows, Float16EndsWhereTheTypeEnds) {
  Matrix<float> values(1, 2);
  values.row(0)[1] = 65519.0F;  // rounds down to the largest
  EXPECT_EQ(sum_of(tiled(values, NumberType::kFloat16), std::vector<std::int32_t>{0},
                   std::vector<float>{1})[1],
            kLargestFloat16);
  values.row(0)[1] = 65520.0F;
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)tiled(values, NumberType::kFloat16); }, "float16");
  EXPECT_NO_THROW((void)tiled(values, NumberType::kBFloat16));
}

}  // namespace
}  // namespace pema::kernels
