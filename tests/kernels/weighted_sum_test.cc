// Sums of chosen rows against float64; column splits do not show.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/head_norm.h"
#include "kernels/weighted_sum.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

TEST(WeightedSum, MatchesFloat64ForEveryNumberOfEntries) {
  std::mt19937 random(1);
  for (const std::int64_t cols : {1, 5, 24, 97}) {
    const Matrix<float> rows = test::random_matrix(random, 11, cols);
    for (std::size_t entries = 0; entries <= 11; ++entries) {
      std::vector<const float*> chosen;
      for (std::size_t e = 0; e < entries; ++e) {
        chosen.push_back(rows.row(static_cast<std::int64_t>((3 * e) % 11)));
      }
      const std::vector<float> weights =
          test::random_vector(random, static_cast<std::int64_t>(entries), -1, 1);
      Matrix<float> out = test::random_matrix(random, 1, cols);
      const Matrix<float> before = out;
      add_weighted_rows({chosen, weights, out.data()}, 0, cols);
      for (std::int64_t c = 0; c < cols; ++c) {
        double expected = static_cast<double>(before.data()[c]);
        double magnitude = std::abs(expected);
        for (std::size_t e = 0; e < entries; ++e) {
          const double term = static_cast<double>(weights[e]) * static_cast<double>(chosen[e][c]);
          expected += term;
          magnitude += std::abs(term);
        }
        // One rounding per entry where multiply-add is fused, two where it is not.
        const double bound = magnitude * 2 * static_cast<double>(entries) * 0x1p-24;
        ASSERT_NEAR(static_cast<double>(out.data()[c]), expected, bound) << entries;
      }
    }
  }
}

TEST(WeightedSum, ThreadsDoNotChangeABit) {
  std::mt19937 random(2);
  const std::int64_t cols = 3001;
  const Matrix<float> rows = test::random_matrix(random, 7, cols);
  std::vector<const float*> chosen;
  for (std::int64_t i = 0; i < 7; ++i) chosen.push_back(rows.row(i));
  const std::vector<float> weights = test::random_vector(random, 7, -1, 1);
  Matrix<float> whole(1, cols);
  add_weighted_rows({chosen, weights, whole.data()}, 0, cols);
  for (const std::int64_t threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    Matrix<float> a(1, cols);
    Matrix<float> b(1, cols);
    const std::vector<WeightedRows> sums{{chosen, weights, a.data()}, {chosen, weights, b.data()}};
    add_weighted_rows(sums, cols, pool);
    EXPECT_TRUE(std::equal(a.data(), a.data() + cols, whole.data())) << threads;
    EXPECT_TRUE(std::equal(b.data(), b.data() + cols, whole.data())) << threads;
  }
}

TEST(WeightedSum, LengthsThatDisagreeAreRefused) {
  Matrix<float> out(1, 4);
  const std::vector<const float*> rows{out.data()};
  ThreadPool pool(1);
  const std::vector<WeightedRows> sums{{rows, {}, out.data()}};
  test::expect_error(ErrorCode::kInvalidArgument, [&] { add_weighted_rows(sums, 4, pool); });
}

TEST(HeadNorm, IsRmsNormInPlaceToo) {
  std::vector<float> h{3, 4};
  rms_norm(h, std::vector<float>{1, 0.5F}, 0.0F, h);
  EXPECT_NEAR(static_cast<double>(h[0]), 3 / std::sqrt(12.5), 1e-7);
  EXPECT_NEAR(static_cast<double>(h[1]), 2 / std::sqrt(12.5), 1e-7);
  std::vector<float> zero{0, 0};
  rms_norm(zero, std::vector<float>{1, 1}, 1e-5F, zero);
  EXPECT_EQ(zero, (std::vector<float>{0, 0}));
  test::expect_error(ErrorCode::kInvalidArgument,
                     [&] { rms_norm(h, std::vector<float>{1}, 0.0F, h); });
}

}  // namespace
}  // namespace pema::kernels
