// Bottlenecks: what each algebra means, against plain float64 loops.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "kernels/bottleneck.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

constexpr std::int64_t kD = 31;
constexpr std::int64_t kR = 3;

class Compose : public testing::Test {
 protected:
  Compose() {
    for (std::int64_t i = 0; i < 6; ++i) {
      selected.push_back({i, down.row(i * kR), up.row(i * kR), weights[static_cast<std::size_t>(i)],
                          weights[static_cast<std::size_t>(5 - i)]});
    }
    selected[2].down_weight = 0;  // chosen on one side only
    selected[4].up_weight = 0;
  }
  std::vector<float> delta_of(const Bottleneck& b) {
    std::vector<float> delta(kD);
    const std::array<const float*, 1> in{x.row(0)};
    const std::array<float*, 1> out{delta.data()};
    bottleneck(b, in, kD, out);
    return delta;
  }
  /// <A_i[p], x>.
  double product(std::int64_t i, std::int64_t p) const {
    double z = 0;
    for (std::int64_t k = 0; k < kD; ++k) {
      z += static_cast<double>(down.row(i * kR + p)[k]) * static_cast<double>(x.row(0)[k]);
    }
    return z;
  }
  void expect_delta(const std::vector<float>& delta, bool separate) {
    for (std::int64_t k = 0; k < kD; ++k) {
      double expected = 0;
      for (const SelectedAdapter& to : selected) {
        for (std::int64_t p = 0; p < kR; ++p) {
          double z = separate ? 0.0 : product(to.index, p);
          for (const SelectedAdapter& from : selected) {
            if (separate) z += static_cast<double>(from.down_weight) * product(from.index, p);
          }
          expected += static_cast<double>(to.up_weight) * z *
                      static_cast<double>(up.row(to.index * kR + p)[k]);
        }
      }
      EXPECT_NEAR(static_cast<double>(delta[static_cast<std::size_t>(k)]), expected, 2e-5);
    }
  }

  std::mt19937 random{5};
  const Matrix<float> down = test::random_matrix(random, 6 * kR, kD, 0.3F);
  const Matrix<float> up = test::random_matrix(random, 6 * kR, kD, 0.3F);
  const Matrix<float> x = test::random_matrix(random, 1, kD);
  const std::vector<float> weights = test::random_vector(random, 6, 0.2F, 1.0F);
  std::vector<SelectedAdapter> selected;
};

TEST_F(Compose, MixtureIsTheSumOfTheAdaptersAndCatHasItsBits) {
  Bottleneck factored;
  append_mixture(selected, kR, kD, kD, factored);
  EXPECT_EQ(factored.latents, 5 * kR);
  const Composed cat = compose_mixture(selected, kR, kD);
  EXPECT_EQ(cat.down.rows(), 5 * kR);
  EXPECT_EQ(cat.bytes(), 4 * (2 * 5 * kR * kD + 5 * kR));
  Bottleneck composed;
  append_composed(cat.down.view(), cat.up.view(), cat.up_weights, composed);
  expect_delta(delta_of(factored), false);
  EXPECT_EQ(delta_of(factored), delta_of(composed));
}

TEST_F(Compose, SeparateHasTheCrossTermsComposedOrNot) {
  Bottleneck factored;
  append_separate(selected, kR, kD, factored);
  EXPECT_EQ(factored.latents, kR);
  EXPECT_EQ(factored.down.entries(), 5 * kR);
  const std::array<std::span<const SelectedAdapter>, 1> one{selected};
  ThreadPool pool(1);
  const Composed sums = std::move(compose_separate(one, kR, kD, pool)[0]);
  Bottleneck composed;
  append_composed(sums.down.view(), sums.up.view(), sums.up_weights, composed);
  expect_delta(delta_of(factored), true);
  expect_delta(delta_of(composed), true);
}

TEST_F(Compose, SeparateIsNotMixture) {
  Bottleneck mixture;
  append_mixture(selected, kR, kD, kD, mixture);
  Bottleneck separate;
  append_separate(selected, kR, kD, separate);
  EXPECT_NE(delta_of(mixture), delta_of(separate));
}

TEST_F(Compose, AppendingAddsTheDeltas) {
  Bottleneck both;
  append_mixture(selected, kR, kD, kD, both);
  append_separate(selected, kR, kD, both);
  Bottleneck first;
  append_mixture(selected, kR, kD, kD, first);
  Bottleneck second;
  append_separate(selected, kR, kD, second);
  const std::vector<float> sum = delta_of(both);
  const std::vector<float> a = delta_of(first);
  const std::vector<float> b = delta_of(second);
  for (std::size_t k = 0; k < sum.size(); ++k) EXPECT_NEAR(sum[k], a[k] + b[k], 1e-5F);
}

TEST_F(Compose, AnEmptySelectionGivesNoDelta) {
  Bottleneck none;
  append_mixture({}, kR, kD, kD, none);
  EXPECT_EQ(none.latents, 0);
  for (const float value : delta_of(none)) EXPECT_EQ(value, 0.0F);
}

TEST_F(Compose, RowsDoNotInfluenceOneAnother) {
  Bottleneck b;
  append_separate(selected, kR, kD, b);
  const Matrix<float> many = test::random_matrix(random, 9, kD);
  Matrix<float> together(9, kD);
  std::vector<const float*> in;
  std::vector<float*> out;
  for (std::int64_t row = 0; row < 9; ++row) {
    in.push_back(many.row(row));
    out.push_back(together.row(row));
  }
  bottleneck(b, in, kD, out);
  for (std::size_t row = 0; row < 9; ++row) {
    std::vector<float> alone(kD);
    const std::array<float*, 1> to{alone.data()};
    bottleneck(b, std::span(in).subspan(row, 1), kD, to);
    EXPECT_EQ(std::memcmp(alone.data(), out[row], 4 * kD), 0) << row;
  }
}

TEST_F(Compose, ShapesThatDisagreeAreRefused) {
  Bottleneck b;
  append_mixture(selected, kR, kD, kD, b);
  const std::array<const float*, 1> in{x.row(0)};
  Matrix<float> wrong(1, 2);
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { gate(b, in, kD, wrong.view()); }, "gate");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { bottleneck(b, in, kD, {}); }, "bottleneck");
}

}  // namespace
}  // namespace pema::kernels
