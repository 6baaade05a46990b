// The squared length of a weighted sum of rows, from their products.
#include "kernels/gram.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

TEST(Gram, GivesTheSquaredLengthOfAnySumOfRows) {
  std::mt19937 random(9);
  for (const std::int64_t d : {1, 7, 64}) {
    const Matrix<float> matrix = test::random_matrix(random, 20, d);
    std::vector<const float*> pointers;
    for (std::int64_t i = 0; i < 20; ++i) pointers.push_back(matrix.row(i));
    ThreadPool pool(3);
    const Matrix<float> gram = gram_matrix(pointers, d, pool);
    ThreadPool alone(1);
    const Matrix<float> again = gram_matrix(pointers, d, alone);
    EXPECT_TRUE(std::equal(gram.data(), gram.data() + 400, again.data()));
    for (const std::size_t entries : {std::size_t{0}, std::size_t{1}, std::size_t{13}}) {
      std::vector<std::int32_t> rows;
      for (std::size_t e = 0; e < entries; ++e)
        rows.push_back(static_cast<std::int32_t>((7 * e) % 20));
      const std::vector<float> weights =
          test::random_vector(random, static_cast<std::int64_t>(entries), -2.0F, 2.0F);
      double expected = 0;
      double magnitude = 0;
      for (std::int64_t c = 0; c < d; ++c) {
        double sum = 0;
        for (std::size_t e = 0; e < entries; ++e) {
          sum += static_cast<double>(weights[e]) * static_cast<double>(matrix.row(rows[e])[c]);
        }
        expected += sum * sum;
      }
      for (std::size_t e = 0; e < entries; ++e) {
        for (std::size_t f = 0; f < entries; ++f) {
          magnitude += std::abs(static_cast<double>(weights[e] * weights[f]) *
                                static_cast<double>(gram.row(rows[e])[rows[f]]));
        }
      }
      EXPECT_NEAR(gram_square(gram.view(), rows, weights), expected, 6.1e-8 * magnitude + 1e-12);
    }
  }
}

TEST(Gram, RowsThatCancelGiveNoNegativeLength) {
  const float row[] = {0.1F, 0.7F, -0.3F};
  const float* rows[] = {row, row};
  ThreadPool pool(1);
  const Matrix<float> gram = gram_matrix(rows, 3, pool);
  const std::int32_t both[] = {0, 1};
  const float weights[] = {1.0F, -1.0F};
  const double square = gram_square(gram.view(), both, weights);
  EXPECT_GE(square, 0.0);
  EXPECT_LT(square, 1e-7);
}

}  // namespace
}  // namespace pema::kernels
