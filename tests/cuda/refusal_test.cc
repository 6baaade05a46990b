// What the ops refuse before they launch anything; nothing to do is no error.
#include <gtest/gtest.h>

#include <limits>

#include "kernels/cuda/launch_plan.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using kernels::cuda::bottleneck;
using kernels::cuda::compose;
using kernels::cuda::compose_workspace;
using kernels::cuda::DeviceBottleneck;
using kernels::cuda::DeviceComposeBits;
using kernels::cuda::DeviceComposeCsr;
using kernels::cuda::DeviceCsr;
using kernels::cuda::DeviceGate;
using kernels::cuda::DeviceMaskSearch;
using kernels::cuda::DeviceMixture;
using kernels::cuda::DeviceOut;
using kernels::cuda::gate;
using kernels::cuda::gram_norm;
using kernels::cuda::interpolate;
using kernels::cuda::kMaxNearest;
using kernels::cuda::kMaxPoolRows;
using kernels::cuda::nearest_by_overlap;
using kernels::cuda::project;
using kernels::cuda::rms_norm;

/// 16-byte aligned memory that no refused op may touch.
struct Memory {
  DeviceArray<float> floats{"floats", 4096};
  DeviceArray<std::int32_t> integers{"integers", 64};
  DeviceArray<std::uint64_t> words{"words", 64};

  DeviceRows rows(std::int64_t count, std::int64_t cols, Element type = Element::kFloat32) {
    return {floats.data(), type, count, cols, (cols + 15) / 16 * 16, 1};
  }
  DeviceOut out(std::int64_t count, std::int64_t cols) {
    return {floats.data(), count, cols, (cols + 3) / 4 * 4};
  }
  DeviceCsr csr(std::int64_t count, std::int64_t entries) {
    return {integers.data(), integers.data(), floats.data(), count, entries};
  }
};

void refuse(const std::string& words, const std::function<void()>& call,
            ErrorCode code = ErrorCode::kInvalidArgument) {
  expect_error(code, call, words);
}

TEST(Refusal, ComposeNamesWhatIsWrong) {
  Memory m;
  DeviceComposeBits op{m.rows(4, 10), {m.words.data(), m.floats.data(), 2}, m.out(2, 10)};
  const auto with = [&](auto change) {
    DeviceComposeBits changed = op;
    change(changed);
    return [=] { compose(changed, nullptr); };
  };
  refuse("multiples of 16 bytes", with([](auto& o) { o.pool.stride = 11; }));
  refuse("multiples of 16 bytes", with([&](auto& o) { o.pool.data = m.floats.data() + 1; }));
  refuse("multiples of 16 bytes", with([](auto& o) { o.out.stride = 13; }));
  refuse("stride", with([](auto& o) { o.pool.stride = 8; }));
  refuse("room for", with([](auto& o) { o.out.rows = 3; }));
  refuse("no data", with([](auto& o) { o.pool.data = nullptr; }));
  refuse("no weights", with([](auto& o) { o.masks.weight = nullptr; }));
  refuse("no masks", with([](auto& o) { o.masks.words = nullptr; }));
  refuse("scale", with([](auto& o) { o.pool.scale = 2; }));
  refuse("rows, more than", with([](auto& o) { o.pool.rows = kMaxPoolRows + 1; }));
  // Nothing to do.
  op.masks = {nullptr, nullptr, 0};
  op.out.rows = 0;
  compose(op, nullptr);
}

TEST(Refusal, SumsOverInt8NeedTheirWorkspace) {
  Memory m;
  const DeviceCsr csr = m.csr(2, 5);
  EXPECT_EQ(compose_workspace(Element::kFloat32, csr), 0);
  const std::int64_t bytes = compose_workspace(Element::kInt8, csr);
  EXPECT_GE(bytes, 2 * 4 + 5 * 2);
  DeviceComposeCsr op{
      m.rows(4, 10, Element::kInt8), csr, m.out(2, 10), {m.words.data(), bytes - 1}};
  refuse("workspace", [&] { compose(op, nullptr); });
  op.workspace = {nullptr, bytes};
  refuse("workspace", [&] { compose(op, nullptr); });
  refuse("workspace", [&] {
    project({op.pool, csr, op.out, true, {m.words.data(), bytes - 1}}, nullptr);
  });
  op.masks.entries = std::int64_t{1} << 31;
  refuse("entries", [&] { compose(op, nullptr); });
  op.masks = csr;
  op.masks.index = nullptr;
  refuse("no indices", [&] { compose(op, nullptr); });
}

TEST(Refusal, OtherOpsNameWhatIsWrong) {
  Memory m;
  DeviceBottleneck b{m.rows(2, 10),        nullptr,       nullptr, 0,
                     m.rows(3, 10),        m.rows(3, 10), 3,       m.out(2, 10),
                     {m.words.data(), 512}};
  bottleneck(b, nullptr);  // no tiles: nothing to do
  b.tile_count = 1;
  refuse("no tiles", [&] { bottleneck(b, nullptr); });
  b.tile_count = 0;
  b.up = m.rows(2, 10);
  refuse("3 latents", [&] { bottleneck(b, nullptr); });
  b.up = m.rows(3, 10, Element::kFloat16);
  refuse(
      "f32", [&] { bottleneck(b, nullptr); }, ErrorCode::kUnsupported);
  b.up = m.rows(3, 10);
  b.x = m.rows(2, 10, Element::kInt8);
  refuse(
      "int8", [&] { bottleneck(b, nullptr); }, ErrorCode::kUnsupported);

  DeviceGate g{m.rows(4, 10), m.rows(2, 10), m.csr(2, 3), 2, m.floats.data()};
  g.x = m.rows(3, 10);
  refuse("features [3, 10]", [&] { gate(g, nullptr); });
  g.x = m.rows(2, 10);
  g.longest = 4;
  refuse("a row of 4 among 3", [&] { gate(g, nullptr); });

  refuse("no output", [&] {
    gram_norm({m.rows(3, 3), m.csr(1, 1), 8, 0.0F, nullptr, nullptr}, nullptr);
  });
  refuse("[3, 4]", [&] {
    gram_norm({m.rows(3, 4), m.csr(1, 1), 8, 0.0F, m.floats.data(), nullptr}, nullptr);
  });

  DeviceMixture mix{m.rows(2, 9), m.rows(2, 9), m.floats.data(),   m.floats.data(),
                    {},           m.out(2, 9),  m.integers.data(), {m.words.data(), 8}};
  refuse("workspace", [&] { interpolate(mix, nullptr); });
  mix.status = nullptr;
  refuse("no status", [&] { interpolate(mix, nullptr); });
  mix.personal = m.rows(2, 8);
  refuse("[2, 8]", [&] { interpolate(mix, nullptr); });

  DeviceMaskSearch s{
      {m.words.data(), 3, 1}, m.words.data(), 1, kMaxNearest + 1, nullptr, nullptr, {}};
  refuse(
      "at most 32", [&] { nearest_by_overlap(s, nullptr); }, ErrorCode::kUnsupported);
  s.count = 1;
  refuse("no output", [&] { nearest_by_overlap(s, nullptr); });
}

TEST(Refusal, ANormNeedsItsGainAndPaddedRows) {
  Memory m;
  refuse("without a gain", [&] { rms_norm({m.out(2, 4), nullptr, 0.0F}, nullptr); });
  DeviceOut rows = m.out(2, 4);
  rows.stride = 5;
  refuse("16 bytes", [&] { rms_norm({rows, m.floats.data(), 0.0F}, nullptr); });
  rms_norm({{nullptr, 0, 4, 4}, nullptr, 0.0F}, nullptr);  // nothing to do
}

TEST(Refusal, AGridThatCudaCannotLaunchIsRefused) {
  Memory m;
  DeviceRows wide = m.rows(1, 16);
  wide.cols = wide.stride = std::int64_t{512} * 65536;
  refuse("split the call", [&] {
    compose(
        DeviceComposeBits{
            wide, {m.words.data(), m.floats.data(), 1}, {m.floats.data(), 1, wide.cols, wide.cols}},
        nullptr);
  });
}

}  // namespace
}  // namespace pema::test
