// Selected latent values and the norm from a Gram matrix, against float64.
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/cuda/ops.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::gate;
using kernels::cuda::gram_norm;

struct Shape {
  std::int64_t pool;
  std::int64_t rows;
  std::int64_t width;
};
// Around 16 entries per block, 2048 columns at a time, pieces of 4 to 16.
constexpr Shape kShapes[] = {{1, 1, 1},   {31, 1, 15},  {97, 3, 16},  {33, 2, 17},   {100, 1, 127},
                             {7, 4, 509}, {9, 2, 2047}, {5, 2, 2048}, {12, 3, 2049}, {3, 1, 4099}};

class Gate : public OnDevice {};

void check(Element pool_type, Element x_type, const Shape& shape) {
  std::mt19937 random(31);
  const DeviceMatrix pool(random, pool_type, shape.pool, shape.width, 1);
  const DeviceMatrix x(random, x_type, shape.rows, shape.width);
  const Selection s = random_selection(random, shape.rows, shape.pool);
  auto pool_device = pool.upload("down");
  auto x_device = x.upload("x");
  DeviceSelection latents(s);
  std::int64_t longest = 0;
  for (const auto& rows : s.rows) longest = std::max(longest, std::ssize(rows));
  DeviceArray<float> out("gated", latents.get().entries);
  gate({pool.rows_on(pool_device), x.rows_on(x_device), latents.get(), longest, out.data()},
       nullptr);
  const std::vector<float> values = out.host();
  std::size_t at = 0;
  for (std::size_t b = 0; b < s.rows.size(); ++b) {
    for (std::size_t e = 0; e < s.rows[b].size(); ++e, ++at) {
      const double gain = static_cast<double>(s.weights[b][e]) * static_cast<double>(pool.scale());
      double expected = 0;
      double magnitude = 0;
      for (std::int64_t k = 0; k < shape.width; ++k) {
        const double term = gain * pool.at(s.rows[b][e], k) * x.at(static_cast<std::int64_t>(b), k);
        expected += term;
        magnitude += std::abs(term);
      }
      // A lane takes every 32nd piece of up to 16 columns, at least one per slab: two roundings per
      // column; then five sums and two factors.
      const double width = static_cast<double>(shape.width);
      ASSERT_NEAR(static_cast<double>(values[at]), expected,
                  (width / 16 + 48) * kRounding * magnitude)
          << element_name(pool_type) << " x " << element_name(x_type) << " width " << shape.width
          << " row " << b << " entry " << e;
    }
  }
}

TEST_P(Gate, MatchesFloat64ForEveryPoolAndFeatureType) {
  for (const Element pool : kElements) {
    for (const Element x : {Element::kFloat32, Element::kFloat16, Element::kBfloat16}) {
      for (const Shape& shape : kShapes) check(pool, x, shape);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, Gate, orders(), order_name);

class GramNorm : public OnDevice {};

TEST_P(GramNorm, IsTheNormOfTheWeightedRows) {
  for (const std::int64_t latents : {1, 31, 32, 33, 131}) {
    std::mt19937 random(32);
    const std::int64_t width = 57;
    const DeviceMatrix rows(random, Element::kFloat32, latents, width);
    DeviceMatrix gram(random, Element::kFloat32, latents, latents);
    for (std::int64_t f = 0; f < latents; ++f) {
      for (std::int64_t g = 0; g < latents; ++g) {
        double dot = 0;
        for (std::int64_t k = 0; k < width; ++k) dot += rows.at(f, k) * rows.at(g, k);
        gram.set(f, g, static_cast<float>(dot));
      }
    }
    const Selection s = random_selection(random, 4, latents);
    const float eps = 1e-5F;
    auto gram_device = gram.upload("gram");
    DeviceSelection selected(s);
    DeviceArray<float> inverse("inverse", s.count());
    DeviceArray<float> scaled("scaled", selected.get().entries);
    gram_norm(
        {gram.rows_on(gram_device), selected.get(), width, eps, inverse.data(), scaled.data()},
        nullptr);
    const std::vector<float> out = inverse.host();
    const std::vector<float> scaled_out = scaled.host();
    std::size_t at = 0;
    for (std::size_t b = 0; b < s.rows.size(); ++b) {
      double magnitude = 0;
      const std::size_t k = s.rows[b].size();
      for (std::size_t f = 0; f < k; ++f) {
        for (std::size_t g = 0; g < k; ++g) {
          magnitude +=
              std::abs(static_cast<double>(s.weights[b][f]) * static_cast<double>(s.weights[b][g]) *
                       gram.at(s.rows[b][f], s.rows[b][g]));
        }
      }
      double square = 0;
      for (std::int64_t c = 0; c < width; ++c) {
        double sum = 0;
        for (std::size_t f = 0; f < k; ++f) {
          sum += static_cast<double>(s.weights[b][f]) * rows.at(s.rows[b][f], c);
        }
        square += sum * sum;
      }
      // Two roundings per term of a lane (a 32nd of the row) and of a warp (a quarter of the rows),
      // 13 for the trees, one for the matrix itself.
      const double terms = static_cast<double>(k);
      const double error = (terms / 16 + terms / 2 + 20) * kRounding * magnitude;
      const double room = square / static_cast<double>(width) + static_cast<double>(eps);
      const double expected = 1 / std::sqrt(room);
      const double bound =
          0.5 * error / (static_cast<double>(width) * room) * expected + 6 * kRounding * expected;
      ASSERT_NEAR(static_cast<double>(out[b]), expected, bound * 1.01) << latents << " row " << b;
      for (std::size_t e = 0; e < k; ++e, ++at) {
        ASSERT_EQ(scaled_out[at], s.weights[b][e] * out[b]);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, GramNorm, orders(), order_name);

}  // namespace
}  // namespace pema::test
