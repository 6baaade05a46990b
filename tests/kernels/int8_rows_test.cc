// Exact integer sums of int8 rows: against float64, and in company.
#include "kernels/int8_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

Int8Matrix quantised(const Matrix<float>& values) {
  Int8Matrix matrix(values.rows(), values.cols());
  for (std::int64_t i = 0; i < values.rows(); ++i) matrix.quantise(i, values.row(i));
  return matrix;
}

std::vector<std::int32_t> every_third(std::int64_t entries, std::int64_t rows) {
  std::vector<std::int32_t> chosen;
  for (std::int64_t e = 0; e < entries; ++e) {
    chosen.push_back(static_cast<std::int32_t>(3 * e % rows));
  }
  return chosen;
}

TEST(Int8Matrix, IsWithinHalfAStep) {
  std::mt19937 random(1);
  const Matrix<float> values = test::random_matrix(random, 5, 131);
  const Int8Matrix matrix = quantised(values);
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto scale = static_cast<double>(matrix.scale(i));
    for (std::int64_t c = 0; c < 131; ++c) {
      EXPECT_NEAR(scale * matrix.row(i)[c], static_cast<double>(values.row(i)[c]), 0.5001 * scale);
    }
  }
}

TEST(Int8Matrix, ARowOfZerosStaysZero) {
  const Matrix<float> zeros(1, 10);
  const Int8Matrix matrix = quantised(zeros);
  EXPECT_EQ(matrix.scale(0), 0.0F);
  EXPECT_EQ(matrix.row(0)[9], 0);
}

TEST(Int8Rows, MatchesFloat64WithinTheStatedBound) {
  std::mt19937 random(2);
  ThreadPool pool(1);
  for (const std::int64_t cols : {1, 5, 31, 32, 33, 63, 64, 65, 1023, 4097}) {
    const Matrix<float> values = test::random_matrix(random, 11, cols);
    const Int8Matrix matrix = quantised(values);
    for (const std::int64_t entries : {0, 1, 2, 3, 7, 8, 9, 16, 17}) {
      const std::vector<std::int32_t> rows = every_third(entries, 11);
      const std::vector<float> weights = test::random_vector(random, entries, -1, 1);
      Matrix<float> out = test::random_matrix(random, 1, cols);
      const Matrix<float> before = out;
      const std::vector<Int8Sum> sums{{rows, weights, out.data()}};
      add_int8_rows(matrix, sums, pool);
      double largest = 0;
      double total = 0;
      double rounding = 0;
      for (std::size_t e = 0; e < rows.size(); ++e) {
        const double scaled =
            std::abs(static_cast<double>(weights[e])) * static_cast<double>(matrix.scale(rows[e]));
        largest = std::max(largest, scaled);
        total += scaled;
        rounding += scaled / 2;
      }
      const double step =
          std::max(largest / 32767, total / (0x1p24 - 1 - static_cast<double>(entries) / 2));
      const double bound = rounding + static_cast<double>(entries) * 64 * step;
      for (std::int64_t c = 0; c < cols; ++c) {
        auto expected = static_cast<double>(before.data()[c]);
        for (std::size_t e = 0; e < rows.size(); ++e) {
          expected += static_cast<double>(weights[e]) * static_cast<double>(values.row(rows[e])[c]);
        }
        ASSERT_NEAR(static_cast<double>(out.data()[c]), expected,
                    bound + 4e-7 * (1 + std::abs(expected)))
            << cols << " " << entries << " " << c;
      }
    }
  }
}

TEST(Int8Rows, OrderThreadsAndCompanyDoNotChangeABit) {
  std::mt19937 random(3);
  const std::int64_t cols = 9001;
  const Matrix<float> values = test::random_matrix(random, 40, cols);
  const Int8Matrix matrix = quantised(values);
  const std::vector<std::int32_t> rows = every_third(37, 40);
  const std::vector<float> weights = test::random_vector(random, 37, -1, 1);
  const std::vector<std::int32_t> backwards(rows.rbegin(), rows.rend());
  const std::vector<float> weights_backwards(weights.rbegin(), weights.rend());
  Matrix<float> alone(1, cols);
  ThreadPool one(1);
  const std::vector<Int8Sum> sum{{rows, weights, alone.data()}};
  add_int8_rows(matrix, sum, one);
  for (const std::int64_t threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    Matrix<float> out(3, cols);
    const std::vector<Int8Sum> sums{
        {backwards, weights_backwards, out.row(0)},
        {std::span(rows).first(5), std::span(weights).first(5), out.row(1)},
        {rows, weights, out.row(2)}};
    add_int8_rows(matrix, sums, pool);
    EXPECT_TRUE(std::equal(out.row(0), out.row(0) + cols, alone.data())) << threads;
    EXPECT_TRUE(std::equal(out.row(2), out.row(2) + cols, alone.data())) << threads;
  }
}

TEST(Int8Rows, ManyEqualWeightsDoNotOverflow) {
  const std::int64_t count = 3000;
  Matrix<float> ones(count, 65);
  std::fill(ones.data(), ones.data() + count * 65, 1.0F);
  const Int8Matrix matrix = quantised(ones);
  std::vector<std::int32_t> rows(count);
  for (std::int32_t i = 0; i < count; ++i) rows[static_cast<std::size_t>(i)] = i;
  const std::vector<float> weights(count, 1.0F);
  Matrix<float> out(1, 65);
  ThreadPool pool(1);
  const std::vector<Int8Sum> sums{{rows, weights, out.data()}};
  add_int8_rows(matrix, sums, pool);
  for (std::int64_t c = 0; c < 65; ++c) EXPECT_NEAR(out.data()[c], 3000.0F, 0.3F);
}

TEST(Int8Rows, WhatDoesNotFitIsRefused) {
  const Matrix<float> zeros(2, 4);
  const Int8Matrix matrix = quantised(zeros);
  ThreadPool pool(1);
  std::vector<float> out(4);
  const std::vector<std::int32_t> outside{2};
  const std::vector<std::int32_t> inside{1};
  const std::vector<float> one{1};
  const std::vector<float> nan{std::numeric_limits<float>::quiet_NaN()};
  for (const Int8Sum& sum : {Int8Sum{outside, one, out.data()}, Int8Sum{inside, nan, out.data()},
                             Int8Sum{inside, {}, out.data()}}) {
    test::expect_error(ErrorCode::kInvalidArgument, [&] {
      add_int8_rows(matrix, {&sum, 1}, pool);
    });
  }
}

}  // namespace
}  // namespace pema::kernels
