// The body of dot_rows, compiled once per vector instruction set; the best one is chosen at run
// time.
#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/head_product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/head_product_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of W per tile. With kTileX vectors of x it fills the accumulators: 12 of 16 registers, or 24
// of 32.
constexpr std::int64_t kTileW = 4;
#if HWY_TARGET <= HWY_AVX3
constexpr std::int64_t kTileX = 6;
#else
constexpr std::int64_t kTileX = 3;
#endif
// Rows of W that stay in the second-level cache while the x rows pass, and x rows that stay in the
// first-level cache while the rows of W pass.
constexpr std::int64_t kBlockW = 64;
constexpr std::int64_t kBlockX = 2 * kTileX;

// The last `count` < lanes values and zeros. Reads no byte past them.
HWY_INLINE hn::Vec<hn::ScalableTag<float>> load_end(const float* values, std::int64_t count) {
  const hn::ScalableTag<float> tag;
  HWY_ALIGN float padded[hn::MaxLanes(tag)] = {};
  std::copy(values, values + count, padded);
  return hn::Load(tag, padded);
}

// One accumulator per dot product: lane i sums the products of elements i, i + lanes, i + 2 lanes,
// ... in that order (the end padded with zeros); the lanes are then added in Highway's fixed order.
// No tile shape changes that, and no plain float expression is left to the compiler's contraction.
template <std::int64_t kW, std::int64_t kX>
HWY_INLINE void tile(const float* const* HWY_RESTRICT w, const float* const* HWY_RESTRICT x,
                     float* const* HWY_RESTRICT out, std::int64_t column, std::int64_t d,
                     bool accumulate) {
  const hn::ScalableTag<float> tag;
  using Vector = hn::Vec<decltype(tag)>;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const std::int64_t whole = d - d % lanes;
  Vector sum[kW][kX];
  for (std::int64_t i = 0; i < kW; ++i) {
    for (std::int64_t j = 0; j < kX; ++j) sum[i][j] = hn::Zero(tag);
  }
  for (std::int64_t k = 0; k < whole; k += lanes) {
    Vector xs[kX];
    for (std::int64_t j = 0; j < kX; ++j) xs[j] = hn::LoadU(tag, x[j] + k);
    for (std::int64_t i = 0; i < kW; ++i) {
      const Vector ws = hn::LoadU(tag, w[i] + k);
      for (std::int64_t j = 0; j < kX; ++j) sum[i][j] = hn::MulAdd(ws, xs[j], sum[i][j]);
    }
  }
  if (whole < d) {
    Vector xs[kX];
    for (std::int64_t j = 0; j < kX; ++j) xs[j] = load_end(x[j] + whole, d - whole);
    for (std::int64_t i = 0; i < kW; ++i) {
      const Vector ws = load_end(w[i] + whole, d - whole);
      for (std::int64_t j = 0; j < kX; ++j) sum[i][j] = hn::MulAdd(ws, xs[j], sum[i][j]);
    }
  }
  for (std::int64_t j = 0; j < kX; ++j) {
    for (std::int64_t i = 0; i < kW; ++i) {
      const float total = hn::GetLane(hn::SumOfLanes(tag, sum[i][j]));
      float& target = out[j][column + i];
      target = accumulate ? target + total : total;
    }
  }
}

template <std::int64_t kW>
void tile_any_x(std::int64_t count, const float* const* w, const float* const* x, float* const* out,
                std::int64_t column, std::int64_t d, bool accumulate) {
  switch (count) {
    case 1:
      return tile<kW, 1>(w, x, out, column, d, accumulate);
    case 2:
      return tile<kW, 2>(w, x, out, column, d, accumulate);
    case 3:
      return tile<kW, 3>(w, x, out, column, d, accumulate);
#if HWY_TARGET <= HWY_AVX3
    case 4:
      return tile<kW, 4>(w, x, out, column, d, accumulate);
    case 5:
      return tile<kW, 5>(w, x, out, column, d, accumulate);
    case 6:
      return tile<kW, 6>(w, x, out, column, d, accumulate);
#endif
    default:
      return;
  }
}

void dot_block(const RowSource& weights, std::int64_t first, std::int64_t last, std::int64_t d,
               const float* const* x, float* const* out, std::int64_t rows, bool accumulate) {
  for (std::int64_t v = first; v < last; v += kTileW) {
    const std::int64_t count = std::min(kTileW, last - v);
    const float* w[kTileW] = {};
    for (std::int64_t i = 0; i < count; ++i) w[i] = weights.row(v + i);
    for (std::int64_t b = 0; b < rows; b += kTileX) {
      const std::int64_t width = std::min(kTileX, rows - b);
      if (count == kTileW) {
        tile_any_x<kTileW>(width, w, x + b, out + b, v, d, accumulate);
      } else {
        for (std::int64_t i = 0; i < count; ++i) {
          tile_any_x<1>(width, w + i, x + b, out + b, v + i, d, accumulate);
        }
      }
    }
  }
}

void dot_rows_body(const RowSource& weights, std::int64_t first, std::int64_t last, std::int64_t d,
                   std::span<const float* const> x, std::span<float* const> out, bool accumulate) {
  const auto rows = static_cast<std::int64_t>(x.size());
  for (std::int64_t v = first; v < last; v += kBlockW) {
    for (std::int64_t b = 0; b < rows; b += kBlockX) {
      dot_block(weights, v, std::min(last, v + kBlockW), d, x.data() + b, out.data() + b,
                std::min(kBlockX, rows - b), accumulate);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(dot_rows_body);

void dot_rows(const RowSource& weights, std::int64_t first, std::int64_t last, std::int64_t d,
              std::span<const float* const> x, std::span<float* const> out, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(dot_rows_body)(weights, first, last, d, x, out, accumulate);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
