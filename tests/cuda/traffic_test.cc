// Sectors of 32 bytes that compose, project and the bottleneck touch, counted in the emulator,
// against the ones that no kernel could do without. Needs the kernels compiled for the trace.
#include <gtest/gtest.h>

#include <set>

#include "kernels/cuda/launch_plan.h"
#include "tests/cuda/device_cases.h"
#include "tests/simt/trace.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::bottleneck;
using kernels::cuda::bottleneck_workspace;
using kernels::cuda::compose;
using kernels::cuda::compose_workspace;
using kernels::cuda::DeviceComposeBits;
using kernels::cuda::DeviceComposeCsr;
using kernels::cuda::kSumsPerBlock;
using kernels::cuda::project;
using kernels::cuda::row_tiles;
using kernels::cuda::RowTile;

constexpr double kSector = 32;

/// Half of `of` rows for each of `sums`, by chance.
Selection half_of(std::mt19937& random, std::int64_t sums, std::int64_t of) {
  Selection s;
  for (std::int64_t p = 0; p < sums; ++p) {
    s.rows.emplace_back();
    for (std::int32_t i = 0; i < of; ++i) {
      if (random() % 2 == 0) s.rows.back().push_back(i);
    }
    s.weights.emplace_back(s.rows.back().size(), 0.5F);
  }
  return s;
}

/// Sectors of the rows that sums [first, last) take.
double union_sectors(const Selection& s, std::size_t first, std::size_t last, double row_bytes) {
  std::set<std::int32_t> rows;
  for (std::size_t p = first; p < last; ++p) rows.insert(s.rows[p].begin(), s.rows[p].end());
  return static_cast<double>(rows.size()) * row_bytes / kSector;
}

struct Counted {
  simt::BufferTraffic matrix;
  simt::BufferTraffic out;
  double other = 0;  ///< unique sectors of masks, weights and the workspace
};

enum class Op { kBits, kCsr, kProject };

Counted count(Op kind, const DeviceMatrix& matrix, const Selection& s) {
  auto device = matrix.upload("matrix");
  DeviceArray<const std::uint64_t> words("masks", mask_words(s, matrix.rows()));
  const std::vector<float> ones(s.rows.size(), 1.0F);
  DeviceArray<const float> weights("weights", ones);
  DeviceSelection csr(s);
  DeviceResult out(s.count(), matrix.cols(),
                   std::vector<float>(s.rows.size() * static_cast<std::size_t>(matrix.cols())));
  DeviceWorkspace workspace(compose_workspace(matrix.type(), csr.get()));
  const simt::Trace trace;
  if (kind == Op::kBits) {
    compose(
        DeviceComposeBits{
            matrix.rows_on(device), {words.data(), weights.data(), s.count()}, out.get()},
        nullptr);
  } else if (kind == Op::kCsr) {
    compose(DeviceComposeCsr{matrix.rows_on(device), csr.get(), out.get(), workspace.get()},
            nullptr);
  } else {
    project({matrix.rows_on(device), csr.get(), out.get(), true, workspace.get()}, nullptr);
  }
  Counted counted{trace.buffer("matrix"), trace.buffer("out"), 0};
  for (const char* name :
       {"masks", "weights", "csr begin", "csr index", "csr weight", "workspace"}) {
    counted.other += static_cast<double>(trace.buffer(name).unique_loaded);
  }
  return counted;
}

TEST(Traffic, ComposeAndProjectTouchWhatTheyMust) {
  for (const Op kind : {Op::kBits, Op::kCsr, Op::kProject}) {
    for (const Element type : kElements) {
      std::mt19937 random(61);
      const std::int64_t cols = 4096;
      const DeviceMatrix matrix(random, type, 200, cols);
      const Selection s = half_of(random, 16, 200);
      const double row_bytes = static_cast<double>(cols * bytes_of_element(type));
      const Counted counted = count(kind, matrix, s);
      const double compulsory = union_sectors(s, 0, s.rows.size(), row_bytes);
      const double out = 16.0 * static_cast<double>(cols) * 4 / kSector;
      const auto touched = static_cast<double>(counted.matrix.unique_loaded);
      const auto stored = static_cast<double>(counted.out.unique_stored);
      EXPECT_LE(touched + stored + counted.other, 1.1 * (compulsory + out));
      EXPECT_EQ(touched, compulsory);
      EXPECT_EQ(stored, out);
      // Every load takes whole sectors, and a row is read once for all sums of a block.
      const std::size_t together = type == Element::kFloat32 ? kSumsPerBlock<4> : kSumsPerBlock<2>;
      double per_group = 0;
      for (std::size_t p = 0; p < s.rows.size(); p += together) {
        per_group += union_sectors(s, p, p + together, row_bytes);
      }
      EXPECT_EQ(static_cast<double>(counted.matrix.loads.sectors), per_group);
      EXPECT_EQ(counted.matrix.loads.sectors, counted.matrix.loads.ideal);
      std::printf(
          "%s %s: matrix %.0f unique sectors of %.0f compulsory, %llu in all; out %.0f; masks and "
          "weights %.0f\n",
          kind == Op::kBits  ? "compose, bits"
          : kind == Op::kCsr ? "compose, weights"
                             : "project",
          element_name(type).c_str(), touched, compulsory,
          static_cast<unsigned long long>(counted.matrix.loads.sectors), stored, counted.other);
    }
  }
}

TEST(Traffic, MoreSumsInABlockReadTheMatrixNoMoreOften) {
  for (const Op kind : {Op::kBits, Op::kCsr, Op::kProject}) {
    for (const Element type : kElements) {
      std::mt19937 random(62);
      const DeviceMatrix matrix(random, type, 130, 2048);
      const Selection one = half_of(random, 1, 130);
      Selection many;
      const std::size_t together = type == Element::kFloat32 ? kSumsPerBlock<4> : kSumsPerBlock<2>;
      for (std::size_t p = 0; p < together; ++p) {
        many.rows.push_back(one.rows[0]);
        many.weights.push_back(one.weights[0]);
      }
      const auto alone = count(kind, matrix, one).matrix.loads.sectors;
      EXPECT_GT(alone, 0U);
      EXPECT_EQ(count(kind, matrix, many).matrix.loads.sectors, alone) << element_name(type);
    }
  }
}

TEST(Traffic, BottleneckReadsASideOncePerTileAndWithoutBankConflicts) {
  for (const Element type : {Element::kFloat32, Element::kFloat16, Element::kBfloat16}) {
    std::mt19937 random(63);
    const std::int64_t width = 512;
    const std::int64_t latents = 8;
    const DeviceMatrix x(random, type, 8, width);
    const DeviceMatrix down(random, Element::kFloat32, latents, width);
    const DeviceMatrix up(random, Element::kFloat32, latents, width);
    auto x_device = x.upload("x");
    auto down_device = down.upload("down");
    auto up_device = up.upload("up");
    const std::vector<RowTile> tiles = row_tiles(std::vector<std::int32_t>{0, 8});
    DeviceArray<const RowTile> tiles_device("tiles", tiles);
    DeviceResult delta(8, width, std::vector<float>(static_cast<std::size_t>(8 * width)));
    DeviceWorkspace workspace(bottleneck_workspace(8, latents));
    const simt::Trace trace;
    bottleneck({x.rows_on(x_device), nullptr, tiles_device.data(), 1, down.rows_on(down_device),
                up.rows_on(up_device), latents, delta.get(), workspace.get()},
               nullptr);
    const double side = static_cast<double>(latents * width * 4) / kSector;
    EXPECT_EQ(static_cast<double>(trace.buffer("down").loads.sectors), side);
    EXPECT_EQ(static_cast<double>(trace.buffer("up").loads.sectors), side);
    EXPECT_EQ(static_cast<double>(trace.buffer("x").loads.sectors),
              static_cast<double>(8 * width * bytes_of_element(type)) / kSector);
    const auto waves = static_cast<double>(trace.shared().waves);
    const auto phases = static_cast<double>(trace.shared().phases);
    EXPECT_LE(waves, 1.1 * phases) << element_name(type);
    std::printf("bottleneck x %s: %.3f waves per phase of shared memory\n",
                element_name(type).c_str(), waves / phases);
  }
}

}  // namespace
}  // namespace pema::test
