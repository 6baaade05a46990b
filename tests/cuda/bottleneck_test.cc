// Down and up projections of rows grouped by profile, against float64 over edge shapes.
#include <gtest/gtest.h>

#include <numeric>

#include "kernels/cuda/launch_plan.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::bottleneck;
using kernels::cuda::bottleneck_workspace;
using kernels::cuda::row_tiles;
using kernels::cuda::RowTile;

struct Shape {
  std::int64_t width;
  std::int64_t latents;
  std::vector<std::int32_t> group_sizes;
};
// Around 8 rows and 8 latents per tile, slabs of 128 columns, 32 latents and 512 columns of the up
// kernel; no rows at all.
const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{
      {1, 1, {1}},       {3, 7, {8}},         {4, 8, {9, 0, 1}}, {5, 9, {7, 8}},
      {127, 33, {3}},    {128, 32, {1, 1}},   {129, 31, {17}},   {256, 4, {2, 5}},
      {257, 8, {1, 16}}, {511, 1, {1, 1, 1}}, {521, 3, {4}},     {64, 5, {0}},
  };
  return all;
}

class Bottleneck : public OnDevice {};

void check(Element type, const Shape& shape, bool permuted) {
  std::mt19937 random(21);
  const auto groups = static_cast<std::int64_t>(shape.group_sizes.size());
  const std::int64_t rows =
      std::accumulate(shape.group_sizes.begin(), shape.group_sizes.end(), std::int64_t{0});
  const DeviceMatrix x(random, type, rows, shape.width, 1);
  const DeviceMatrix down(random, Element::kFloat32, groups * shape.latents, shape.width);
  const DeviceMatrix up(random, Element::kFloat32, groups * shape.latents, shape.width, 2);
  const std::vector<float> start = random_vector(random, rows * shape.width, -1, 1);
  std::vector<std::int32_t> begin{0};
  for (const std::int32_t size : shape.group_sizes) begin.push_back(begin.back() + size);
  std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  if (permuted) std::shuffle(order.begin(), order.end(), random);
  const std::vector<RowTile> tiles = row_tiles(begin);

  auto x_device = x.upload("x");
  auto down_device = down.upload("down");
  auto up_device = up.upload("up");
  DeviceArray<const RowTile> tiles_device("tiles", tiles);
  DeviceArray<const std::int32_t> order_device("order", order);
  DeviceResult delta(rows, shape.width, start);
  DeviceWorkspace workspace(bottleneck_workspace(rows, shape.latents));
  bottleneck({x.rows_on(x_device), permuted ? order_device.data() : nullptr, tiles_device.data(),
              static_cast<std::int64_t>(tiles.size()), down.rows_on(down_device),
              up.rows_on(up_device), shape.latents, delta.get(), workspace.get()},
             nullptr);

  const std::vector<float> out = delta.host();
  for (std::int64_t g = 0; g < groups; ++g) {
    for (auto place = static_cast<std::size_t>(begin[static_cast<std::size_t>(g)]);
         place < static_cast<std::size_t>(begin[static_cast<std::size_t>(g) + 1]); ++place) {
      const std::int64_t row = order[place];
      std::vector<double> expected(static_cast<std::size_t>(shape.width));
      std::vector<double> error(expected.size());
      std::vector<double> magnitude(expected.size());
      for (std::int64_t l = 0; l < shape.latents; ++l) {
        const std::int64_t latent = g * shape.latents + l;
        double z = 0;
        double terms = 0;
        for (std::int64_t k = 0; k < shape.width; ++k) {
          z += down.at(latent, k) * x.at(row, k);
          terms += std::abs(down.at(latent, k) * x.at(row, k));
        }
        // An accumulator takes an eighth of the columns, two roundings each; three sums at the end.
        const double z_error = (static_cast<double>(shape.width) / 4 + 8) * kRounding * terms;
        for (std::size_t c = 0; c < expected.size(); ++c) {
          const double u = up.at(latent, static_cast<std::int64_t>(c));
          expected[c] += z * u;
          magnitude[c] += std::abs(z * u);
          error[c] += std::abs(u) * z_error;
        }
      }
      for (std::size_t c = 0; c < expected.size(); ++c) {
        const std::size_t at = static_cast<std::size_t>(row * shape.width) + c;
        const double before = static_cast<double>(start[at]);
        const double bound = error[c] + (2 * static_cast<double>(shape.latents) + 2) * kRounding *
                                            (magnitude[c] + error[c] + std::abs(before));
        ASSERT_NEAR(static_cast<double>(out[at]), before + expected[c], bound)
            << element_name(type) << " width " << shape.width << " latents " << shape.latents
            << " row " << row << " column " << c;
      }
    }
  }
}

TEST_P(Bottleneck, MatchesFloat64ForEveryFeatureType) {
  for (const Element type : {Element::kFloat32, Element::kFloat16, Element::kBfloat16}) {
    for (const Shape& shape : shapes()) {
      check(type, shape, false);
      check(type, shape, true);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, Bottleneck, orders(), order_name);

TEST(RowTiles, CoverEveryGroupOnce) {
  const std::vector<std::int32_t> begin{0, 8, 8, 17, 18};
  const std::vector<RowTile> tiles = row_tiles(begin);
  ASSERT_EQ(tiles.size(), 4U);
  EXPECT_EQ(tiles[0].rows, 8);
  EXPECT_EQ(tiles[1].group, 2);
  EXPECT_EQ(tiles[1].first, 8);
  EXPECT_EQ(tiles[2].rows, 1);
  EXPECT_EQ(tiles[3].group, 3);
  EXPECT_TRUE(row_tiles({}).empty());
  expect_error(ErrorCode::kInvalidArgument, [] {
    (void)row_tiles(std::vector<std::int32_t>{3, 1});
  });
}

}  // namespace
}  // namespace pema::test
