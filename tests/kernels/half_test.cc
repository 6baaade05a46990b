// 16-bit floats, one by one, and sums of rows of them.
#include "kernels/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/half_rows.h"
#include "kernels/weighted_sum.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

constexpr NumberType kTypes[] = {NumberType::kFloat16, NumberType::kBFloat16};

TEST(Half, EveryFiniteNumberComesBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((half & 0x7c00U) != 0x7c00U) {
      EXPECT_EQ(to_float16(from_float16(half)), half);
    }
    if ((half & 0x7f80U) != 0x7f80U) {
      EXPECT_EQ(to_bfloat16(from_bfloat16(half)), half);
    }
  }
}

TEST(Half, RoundsToTheNearestTiesToEven) {
  for (std::uint16_t half = 0; half < 0x7bff; ++half) {
    const float low = from_float16(half);
    const float high = from_float16(static_cast<std::uint16_t>(half + 1));
    const float middle = (low + high) / 2;  // exact
    const std::uint16_t even = half % 2 == 0 ? half : static_cast<std::uint16_t>(half + 1);
    ASSERT_EQ(to_float16(middle), even) << low;
    ASSERT_EQ(to_float16(std::nextafter(middle, low)), half) << low;
    ASSERT_EQ(to_float16(std::nextafter(middle, high)), half + 1) << low;
    ASSERT_EQ(to_float16(-middle), even | 0x8000U) << low;
  }
  EXPECT_EQ(to_bfloat16(1.0F + 0x1p-8F), 0x3f80);  // a tie
  EXPECT_EQ(to_bfloat16(1.0F + 0x3p-8F), 0x3f82);
  EXPECT_EQ(to_bfloat16(-1.0F - 0x1.1p-8F), 0xbf81);
}

TEST(HalfRows, HaveTheBitsOfTheFloat32FormOverRoundedRows) {
  std::mt19937 random(2);
  for (const NumberType type : kTypes) {
    for (const std::int64_t cols : {1, 15, 31, 32, 33, 63, 64, 65, 511, 512, 2049, 5000}) {
      const Matrix<float> values = test::random_matrix(random, 40, cols);
      HalfMatrix matrix(40, cols, type);
      Matrix<float> rounded(40, cols);
      for (std::int64_t i = 0; i < 40; ++i) {
        matrix.round(i, values.row(i));
        for (std::int64_t c = 0; c < cols; ++c) {
          rounded.row(i)[c] = from_half(matrix.row(i)[c], type);
          const double spacing = type == NumberType::kFloat16 ? 0x1p-11 : 0x1p-8;
          ASSERT_NEAR(static_cast<double>(rounded.row(i)[c]), static_cast<double>(values.row(i)[c]),
                      std::abs(static_cast<double>(values.row(i)[c])) * spacing + 0x1p-25);
        }
      }
      for (const std::int64_t entries : {0, 1, 7, 8, 9, 16, 17, 33}) {
        std::vector<std::int32_t> rows;
        std::vector<const float*> pointers;
        for (std::int64_t e = 0; e < entries; ++e) {
          rows.push_back(static_cast<std::int32_t>(7 * e % 40));
          pointers.push_back(rounded.row(rows.back()));
        }
        const std::vector<float> weights = test::random_vector(random, entries, -1, 1);
        const Matrix<float> before = test::random_matrix(random, 1, cols);
        Matrix<float> expected = before;
        ThreadPool one(1);
        const WeightedRows float32{pointers, weights, expected.data()};
        add_weighted_rows({&float32, 1}, cols, one);
        for (const std::int64_t threads : {1, 3}) {
          ThreadPool pool(threads);
          Matrix<float> out(2, cols);
          std::copy(before.data(), before.data() + cols, out.row(0));
          const std::vector<HalfSum> sums{{rows, weights, out.row(0)}, {rows, weights, out.row(1)}};
          add_weighted_rows(matrix, std::span(sums).first(threads == 1 ? 1 : 2), pool);
          // Where the product is fused in vectors but not in the single columns at the end of a
          // float32 row, those differ by roundings.
          for (std::int64_t c = 0; c < cols; ++c) {
            if (c < cols / 64 * 64) {
              ASSERT_EQ(out.row(0)[c], expected.data()[c]) << cols << " " << entries << " " << c;
            } else {
              ASSERT_NEAR(out.row(0)[c], expected.data()[c], 1e-5F) << cols << " " << entries;
            }
          }
        }
      }
    }
  }
}

TEST(HalfRows, WhatDoesNotFitIsRefused) {
  test::expect_error(
      ErrorCode::kInvalidArgument, [] { HalfMatrix(1, 1, NumberType::kInt8); }, "int8");
  HalfMatrix matrix(2, 4, NumberType::kFloat16);
  const std::vector<float> large{0, 0, 70000, 0};
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { matrix.round(1, large.data()); }, "row 1 column 2");
  HalfMatrix wide(2, 4, NumberType::kBFloat16);
  EXPECT_NO_THROW(wide.round(1, large.data()));
  const std::vector<float> nan{std::numeric_limits<float>::quiet_NaN(), 0, 0, 0};
  test::expect_error(ErrorCode::kInvalidArgument, [&] { wide.round(0, nan.data()); });
  std::vector<float> out(4);
  ThreadPool pool(1);
  const std::vector<std::int32_t> outside{2};
  const std::vector<std::int32_t> inside{1};
  const std::vector<float> one{1};
  for (const HalfSum& sum : {HalfSum{outside, one, out.data()}, HalfSum{inside, {}, out.data()}}) {
    test::expect_error(ErrorCode::kInvalidArgument, [&] {
      add_weighted_rows(matrix, {&sum, 1}, pool);
    });
  }
}

TEST(Half, InfinityAndNanStayWhatTheyAre) {
  EXPECT_EQ(from_float16(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_EQ(from_float16(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(from_float16(0x7e01)));
  EXPECT_TRUE(std::isnan(from_bfloat16(0xffc0)));
}

}  // namespace
}  // namespace pema::kernels
