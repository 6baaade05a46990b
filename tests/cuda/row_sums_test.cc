// compose and project against float64 over edge shapes; int8 sums are exact; neighbours do not
// show.
#include <gtest/gtest.h>

#include "kernels/cuda/ops.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::compose;
using kernels::cuda::compose_workspace;
using kernels::cuda::DeviceComposeBits;
using kernels::cuda::DeviceComposeCsr;
using kernels::cuda::project;
using kernels::cuda::project_workspace;

struct Shape {
  std::int64_t pool;
  std::int64_t sums;
  std::int64_t cols;
};
// Around the tiles: 128 rows at a time, 4 or 8 sums, 512, 1024 or 2048 columns per block, 4 to 16
// per piece; primes and ones.
constexpr Shape kShapes[] = {{1, 1, 1},     {31, 1, 3},    {32, 7, 4},    {33, 8, 5},
                             {127, 9, 16},  {128, 3, 17},  {129, 4, 15},  {256, 5, 509},
                             {257, 2, 512}, {64, 8, 513},  {96, 17, 127}, {160, 4, 1024},
                             {5, 3, 1025},  {13, 2, 2048}, {11, 2, 2053}};

std::vector<float> compose_bits(const DeviceMatrix& pool, const Selection& s,
                                const std::vector<float>& weight) {
  auto device = pool.upload("pool");
  DeviceArray<const std::uint64_t> words("masks", mask_words(s, pool.rows()));
  DeviceArray<const float> weights("weights", weight);
  DeviceResult out(s.count(), pool.cols());
  compose(
      DeviceComposeBits{pool.rows_on(device), {words.data(), weights.data(), s.count()}, out.get()},
      nullptr);
  return out.host();
}

std::vector<float> compose_csr(const DeviceMatrix& pool, const Selection& s) {
  auto device = pool.upload("pool");
  DeviceSelection masks(s);
  DeviceResult out(s.count(), pool.cols());
  DeviceWorkspace workspace(compose_workspace(pool.type(), masks.get()));
  compose(DeviceComposeCsr{pool.rows_on(device), masks.get(), out.get(), workspace.get()}, nullptr);
  return out.host();
}

/// sum_e weight_e row_e[c] and the sum of the absolute terms.
struct Sum {
  double value = 0;
  double magnitude = 0;
  double unsigned_rows = 0;  ///< sum |row_e[c]|
};
Sum reference(const DeviceMatrix& pool, const Selection& s, std::size_t p, std::int64_t c,
              const float* equal) {
  Sum sum;
  for (std::size_t e = 0; e < s.rows[p].size(); ++e) {
    const double row = pool.at(s.rows[p][e], c) * static_cast<double>(pool.scale());
    const double term = row * static_cast<double>(equal != nullptr ? *equal : s.weights[p][e]);
    sum.value += term;
    sum.magnitude += std::abs(term);
    sum.unsigned_rows += std::abs(row);
  }
  return sum;
}

/// The step of quantise.cuh, plus the rounding of its float sum.
double quantisation_step(const std::vector<float>& weights) {
  double largest = 0;
  double sum = 0;
  for (const float w : weights) {
    largest = std::max(largest, std::abs(static_cast<double>(w)));
    sum += std::abs(static_cast<double>(w));
  }
  const double n = static_cast<double>(weights.size());
  return std::max(largest / 32767, sum / (16777215 - n / 2)) * (1 + 0x1p-7);
}

/// Per term at most two roundings (the product and the sum), and three for the factors at the end;
/// int8 with weights: half a step per row besides.
double bound(const DeviceMatrix& pool, const Sum& sum, const std::vector<float>& weights,
             bool equal) {
  const double terms = static_cast<double>(weights.size());
  double error = (2 * terms + 4) * kRounding * sum.magnitude;
  if (pool.type() == Element::kInt8 && !equal) {
    error += (0.5 + 0x1p-10) * quantisation_step(weights) * sum.unsigned_rows;
  }
  return error;
}

class RowSums : public OnDevice {};

TEST_P(RowSums, HardMasksComposeAsInFloat64) {
  for (const Element type : kElements) {
    for (const Shape& shape : kShapes) {
      std::mt19937 random(11);
      const DeviceMatrix pool(random, type, shape.pool, shape.cols);
      const Selection s = random_selection(random, shape.sums, shape.pool);
      const std::vector<float> equal = random_vector(random, shape.sums, -2, 2);
      const std::vector<float> out = compose_bits(pool, s, equal);
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t p = i / static_cast<std::size_t>(shape.cols);
        const std::int64_t c = static_cast<std::int64_t>(i) % shape.cols;
        const Sum sum = reference(pool, s, p, c, &equal[p]);
        ASSERT_NEAR(static_cast<double>(out[i]), sum.value, bound(pool, sum, s.weights[p], true))
            << element_name(type) << " [" << shape.pool << ", " << shape.cols << "] sum " << p
            << " column " << c;
        if (type == Element::kInt8) {  // the integer sum is exact
          double integers = 0;
          for (const std::int32_t row : s.rows[p]) integers += pool.at(row, c);
          ASSERT_EQ(out[i], static_cast<float>(integers) * (pool.scale() * equal[p]));
        }
      }
    }
  }
}

TEST_P(RowSums, WeightedMasksComposeAsInFloat64) {
  for (const Element type : kElements) {
    for (const Shape& shape : kShapes) {
      std::mt19937 random(12);
      const DeviceMatrix pool(random, type, shape.pool, shape.cols, shape.pool % 2);
      const Selection s = random_selection(random, shape.sums, shape.pool);
      const std::vector<float> out = compose_csr(pool, s);
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t p = i / static_cast<std::size_t>(shape.cols);
        const std::int64_t c = static_cast<std::int64_t>(i) % shape.cols;
        const Sum sum = reference(pool, s, p, c, nullptr);
        ASSERT_NEAR(static_cast<double>(out[i]), sum.value, bound(pool, sum, s.weights[p], false))
            << element_name(type) << " [" << shape.pool << ", " << shape.cols << "] sum " << p
            << " column " << c;
      }
    }
  }
}

TEST_P(RowSums, ProjectAddsToLogitsOrReplacesThem) {
  for (const Element type : kElements) {
    for (const Shape& shape : {Shape{33, 3, 5}, Shape{129, 9, 517}, Shape{8, 1, 1031}}) {
      for (const bool add : {true, false}) {
        std::mt19937 random(13);
        const DeviceMatrix up(random, type, shape.pool, shape.cols);
        const Selection s = random_selection(random, shape.sums, shape.pool);
        const std::vector<float> logits = random_vector(random, shape.sums * shape.cols, -5, 5);
        auto device = up.upload("up");
        DeviceSelection latents(s);
        DeviceResult result(shape.sums, shape.cols, logits);
        DeviceWorkspace workspace(project_workspace(type, latents.get()));
        project({up.rows_on(device), latents.get(), result.get(), add, workspace.get()}, nullptr);
        const std::vector<float> out = result.host();
        for (std::size_t i = 0; i < out.size(); ++i) {
          const std::size_t p = i / static_cast<std::size_t>(shape.cols);
          const Sum sum = reference(up, s, p, static_cast<std::int64_t>(i) % shape.cols, nullptr);
          const double expected = sum.value + (add ? static_cast<double>(logits[i]) : 0.0);
          ASSERT_NEAR(static_cast<double>(out[i]), expected,
                      bound(up, sum, s.weights[p], false) + kRounding * std::abs(expected))
              << element_name(type) << " sum " << p << " add " << add;
        }
      }
    }
  }
}

TEST_P(RowSums, ASumDoesNotDependOnItsNeighbours) {
  for (const Element type : kElements) {
    std::mt19937 random(14);
    DeviceMatrix pool(random, type, 150, 37);
    Selection s = random_selection(random, 11, 150);
    // Row 70 is poison; only sum 1, which takes everything, may see it.
    for (std::size_t p = 2; p < s.rows.size(); ++p) {
      const auto found = std::find(s.rows[p].begin(), s.rows[p].end(), 70);
      if (found == s.rows[p].end()) continue;
      s.weights[p].erase(s.weights[p].begin() + (found - s.rows[p].begin()));
      s.rows[p].erase(found);
    }
    if (type != Element::kInt8) pool.set(70, 5, std::nanf(""));
    const std::vector<float> together = compose_csr(pool, s);
    const std::vector<float> bits = compose_bits(pool, s, std::vector<float>(11, 1.0F));
    for (std::size_t p = 0; p < s.rows.size(); ++p) {
      if (p == 1) continue;
      const Selection alone{{s.rows[p]}, {s.weights[p]}};
      const std::vector<float> one = compose_csr(pool, alone);
      const std::vector<float> one_bits = compose_bits(pool, alone, {1.0F});
      for (std::size_t c = 0; c < 37; ++c) {
        ASSERT_EQ(one[c], together[p * 37 + c]) << element_name(type) << " sum " << p;
        ASSERT_EQ(one_bits[c], bits[p * 37 + c]) << element_name(type) << " sum " << p;
      }
    }
  }
}

TEST_P(RowSums, Int8SumsStayWithinTheirInteger) {
  // 1100 equal weights: the sum of weights, not the largest, sets the step; q = -128 everywhere is
  // the largest sum there is.
  std::mt19937 random(15);
  DeviceMatrix pool(random, Element::kInt8, 1100, 3);
  for (std::int64_t r = 0; r < 1100; ++r) {
    pool.set(r, 0, -128);
    pool.set(r, 1, 127);
  }
  Selection s = random_selection(random, 2, 1100);
  for (const float weight : {1e30F, -1e-20F, 3.0F}) {
    s.weights[1].assign(1100, weight);
    const std::vector<float> out = compose_csr(pool, s);
    for (std::int64_t c = 0; c < 3; ++c) {
      const Sum sum = reference(pool, s, 1, c, nullptr);
      ASSERT_NEAR(static_cast<double>(out[static_cast<std::size_t>(3 + c)]), sum.value,
                  bound(pool, sum, s.weights[1], false))
          << weight << " column " << c;
    }
  }
}

TEST_P(RowSums, WeightsThatAreNoNumbersShow) {
  std::mt19937 random(16);
  const DeviceMatrix pool(random, Element::kInt8, 4, 4);
  Selection s;
  s.rows = {{0, 2}, {1}};
  s.weights = {{1.0F, std::nanf("")}, {2.0F}};
  const std::vector<float> out = compose_csr(pool, s);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_FALSE(std::isnan(out[4]));
}

INSTANTIATE_TEST_SUITE_P(Orders, RowSums, orders(), order_name);

}  // namespace
}  // namespace pema::test
