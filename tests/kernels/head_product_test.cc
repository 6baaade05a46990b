// Values against float64, bits against themselves.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>

#include "hwy/targets.h"
#include "kernels/head_product.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

using test::random_matrix;

/// sum |w x|, what an error bound of a dot product is relative to, and the sum itself.
struct Exact {
  double sum = 0;
  double magnitude = 0;
};

Exact exact(const float* w, const float* x, std::int64_t d) {
  Exact result;
  for (std::int64_t k = 0; k < d; ++k) {
    const double product = static_cast<double>(w[k]) * static_cast<double>(x[k]);
    result.sum += product;
    result.magnitude += std::abs(product);
  }
  return result;
}

/// kernels/README.md: d/4 + 8 roundings at most (four lanes are the fewest), half a unit each.
double bound(const Exact& value, std::int64_t d) {
  return value.magnitude * (static_cast<double>(d) / 4 + 8) * 0x1p-24;
}

TEST(HeadProduct, MatchesFloat64WithinTheStatedBoundAtOddSizes) {
  std::mt19937 random(1);
  ThreadPool pool(2);
  for (const std::int64_t d : {1, 3, 8, 24, 31, 100, 576}) {
    for (const std::int64_t vocab : {1, 4, 5, 97}) {
      for (const std::int64_t rows : {1, 2, 3, 4, 7, 13}) {
        const Matrix<float> w = random_matrix(random, vocab, d);
        const Matrix<float> x = random_matrix(random, rows, d);
        Matrix<float> out(rows, vocab);
        head_product(w.view(), x.view(), out.view(), false, pool);
        for (std::int64_t b = 0; b < rows; ++b) {
          for (std::int64_t v = 0; v < vocab; ++v) {
            const Exact expected = exact(w.row(v), x.row(b), d);
            ASSERT_NEAR(static_cast<double>(out.row(b)[v]), expected.sum, bound(expected, d))
                << "d " << d << " V " << vocab << " rows " << rows;
          }
        }
      }
    }
  }
}

TEST(HeadProduct, EveryInstructionSetKeepsTheBound) {
  std::mt19937 random(2);
  const std::int64_t d = 61;
  const Matrix<float> w = random_matrix(random, 23, d);
  const Matrix<float> x = random_matrix(random, 7, d);
  ThreadPool pool(1);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    Matrix<float> out(7, 23);
    head_product(w.view(), x.view(), out.view(), false, pool);
    Matrix<float> one(1, 23);
    for (std::int64_t b = 0; b < 7; ++b) {
      head_product(w.view(), {x.row(b), 1, d}, one.view(), false, pool);
      EXPECT_EQ(std::memcmp(one.row(0), out.row(b), 4 * 23), 0) << hwy::TargetName(target);
      for (std::int64_t v = 0; v < 23; ++v) {
        const Exact expected = exact(w.row(v), x.row(b), d);
        EXPECT_NEAR(static_cast<double>(out.row(b)[v]), expected.sum, bound(expected, d))
            << hwy::TargetName(target);
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(HeadProduct, ARowsBitsDoNotDependOnTheBatchOrTheThreads) {
  std::mt19937 random(3);
  for (const std::int64_t d : {24, 61}) {
    const Matrix<float> w = random_matrix(random, 333, d);
    const Matrix<float> x = random_matrix(random, 29, d);
    Matrix<float> all(29, 333);
    ThreadPool one(1);
    head_product(w.view(), x.view(), all.view(), false, one);
    for (const std::int64_t threads : {1, 2, 5}) {
      ThreadPool pool(threads);
      for (std::int64_t rows = 1; rows <= 14; ++rows) {
        for (std::int64_t first = 0; first + rows <= 29; first += 5) {
          Matrix<float> part(rows, 333);
          head_product(w.view(), {x.row(first), rows, d}, part.view(), false, pool);
          ASSERT_EQ(
              std::memcmp(part.data(), all.row(first), static_cast<std::size_t>(4 * rows * 333)), 0)
              << threads << " threads, rows " << first << " to " << first + rows;
        }
      }
    }
  }
}

TEST(HeadProduct, AccumulatesOntoWhatIsThere) {
  std::mt19937 random(4);
  const Matrix<float> w = random_matrix(random, 9, 24);
  const Matrix<float> x = random_matrix(random, 2, 24);
  Matrix<float> plain(2, 9);
  Matrix<float> sum(2, 9);
  std::fill_n(sum.data(), 18, 2.5F);
  ThreadPool pool(1);
  head_product(w.view(), x.view(), plain.view(), false, pool);
  head_product(w.view(), x.view(), sum.view(), true, pool);
  for (std::int64_t i = 0; i < 18; ++i) EXPECT_EQ(sum.data()[i], plain.data()[i] + 2.5F);
}

TEST(HeadProduct, ScatteredRowsAreTheSameBitsAsABlock) {
  std::mt19937 random(5);
  const Matrix<float> w = random_matrix(random, 11, 31);
  const Matrix<float> x = random_matrix(random, 1, 31);
  std::vector<const float*> rows;
  for (std::int64_t v : {10, 3, 3, 7, 0}) rows.push_back(w.row(v));
  std::vector<float> picked(rows.size());
  std::vector<float> all(11);
  const std::vector<const float*> in{x.row(0)};
  dot_rows({nullptr, 0, rows.data()}, 0, 5, 31, in, std::vector<float*>{picked.data()}, false);
  dot_rows({w.data(), 31, nullptr}, 0, 11, 31, in, std::vector<float*>{all.data()}, false);
  EXPECT_EQ(picked, (std::vector<float>{all[10], all[3], all[3], all[7], all[0]}));
}

TEST(HeadProduct, ReadsNothingPastARow) {
  // Exactly as much memory as the shapes say: a read past it is the address sanitizer's to find.
  for (std::int64_t d = 1; d <= 40; ++d) {
    const auto w = std::make_unique<float[]>(static_cast<std::size_t>(5 * d));
    const auto x = std::make_unique<float[]>(static_cast<std::size_t>(4 * d));
    const auto out = std::make_unique<float[]>(20);
    ThreadPool pool(1);
    out[19] = 1;
    head_product({w.get(), 5, d}, MatrixView<const float>(x.get(), 4, d), {out.get(), 4, 5}, false,
                 pool);
    EXPECT_EQ(out[19], 0.0F);
  }
}

TEST(HeadProduct, ShapesThatDisagreeAreRefused) {
  Matrix<float> w(5, 4);
  Matrix<float> x(2, 4);
  Matrix<float> out(2, 5);
  ThreadPool pool(1);
  const auto multiply = [&](MatrixView<const float> in, MatrixView<float> to) {
    head_product(w.view(), in, to, false, pool);
  };
  test::expect_error(ErrorCode::kInvalidArgument, [&] {
    multiply({x.data(), 2, 3, 4}, out.view());
  });
  test::expect_error(ErrorCode::kInvalidArgument, [&] { multiply(x.view(), {out.data(), 1, 5}); });
  test::expect_error(ErrorCode::kInvalidArgument, [&] { multiply(x.view(), {out.data(), 2, 4}); });
}

}  // namespace
}  // namespace pema::kernels
