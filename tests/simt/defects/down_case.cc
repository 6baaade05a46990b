// bottleneck: down-projection through two buffers that cp.async fills, then up.
#include <cmath>

#include "kernels/cuda/launch_plan.h"
#include "tests/simt/defects/case_runner.h"
#include "tests/simt/emulated_buffer.h"

namespace simt::defects {
namespace {

namespace cuda = pema::kernels::cuda;

void run_shape(std::vector<std::int32_t> begin, std::int64_t latents, std::int64_t width) {
  const std::int64_t groups = static_cast<std::int64_t>(begin.size()) - 1;
  const std::int64_t rows = begin.back();
  const std::int64_t stride = (width + 3) / 4 * 4;
  const EmulatedBuffer<const float> x("x", random_floats(rows * stride, 21));
  const EmulatedBuffer<const float> down("down", random_floats(groups * latents * stride, 22));
  const EmulatedBuffer<const float> up("up", random_floats(groups * latents * stride, 23));
  const EmulatedBuffer<const cuda::RowTile> tiles("tiles", cuda::row_tiles(begin));
  EmulatedBuffer<float> delta("delta", std::vector<float>(static_cast<std::size_t>(rows * stride)));
  EmulatedBuffer<float> workspace("workspace", cuda::bottleneck_workspace(rows, latents) / 4);
  cuda::DeviceBottleneck op;
  op.x = {x.data(), cuda::Element::kFloat32, rows, width, stride, 1};
  op.tiles = tiles.data();
  op.tile_count = tiles.size();
  op.down = {down.data(), cuda::Element::kFloat32, groups * latents, width, stride, 1};
  op.up = {up.data(), cuda::Element::kFloat32, groups * latents, width, stride, 1};
  op.latents = latents;
  op.delta = {delta.data(), rows, width, stride};
  op.workspace = {workspace.data(), static_cast<std::int64_t>(workspace.bytes())};
  cuda::bottleneck(op, {});
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t first = group * latents * stride;
    for (std::int64_t row = begin[static_cast<std::size_t>(group)];
         row < begin[static_cast<std::size_t>(group) + 1]; ++row) {
      std::vector<double> expected(static_cast<std::size_t>(width));
      double size = 0;
      for (std::int64_t l = 0; l < latents; ++l) {
        double z = 0;
        for (std::int64_t c = 0; c < width; ++c) {
          const double term = double{down[first + l * stride + c]} * x[row * stride + c];
          z += term;
          size += std::abs(term);
        }
        for (std::int64_t c = 0; c < width; ++c) {
          expected[static_cast<std::size_t>(c)] += z * up[first + l * stride + c];
        }
      }
      // |up| <= 1; every term is rounded at most width + latents + 4 times.
      const double tolerance = size * static_cast<double>(width + latents + 4) * 0x1p-24;
      for (std::int64_t c = 0; c < width; ++c) {
        expect_near(delta[row * stride + c], expected[static_cast<std::size_t>(c)], tolerance,
                    "[" + std::to_string(row) + "][" + std::to_string(c) + "] of width " +
                        std::to_string(width));
      }
    }
  }
}

}  // namespace

void run_case(const Trace* trace) {
  run_shape({0, 1}, 1, 1);
  run_shape({0, 8}, 8, 128);
  run_shape({0, 3, 12}, 7, 127);
  run_shape({0, 5, 5, 6}, 9, 129);
  run_shape({0, 8, 16}, 16, 512);
  if (trace != nullptr) {
    expect_few_conflicts(trace->shared(), 1.2);
  }
}

}  // namespace simt::defects
