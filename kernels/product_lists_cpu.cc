// The bodies of ProductTable, near_in_block and encode_product_offset, compiled once per vector
// instruction set.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/product_lists.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/product_lists_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Real = hn::CappedTag<float, 16>;
using Whole = hn::Rebind<std::int32_t, Real>;

/// products[p, j] = -2 <part p of x, centroid j>.
void products_body(const ProductSpace& space, const float* HWY_RESTRICT x,
                   float* HWY_RESTRICT products) {
  const Real real;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  for (std::int64_t p = 0; p < space.parts; ++p) {
    const std::int64_t last = std::min(space.cols, (p + 1) * space.width);
    for (std::int64_t j = 0; j < ProductSpace::kCentroids; j += lanes) {
      auto sum = hn::Zero(real);
      for (std::int64_t c = p * space.width; c < last; ++c) {
        sum = hn::MulAdd(hn::Set(real, -2 * x[c]),
                         hn::LoadU(real, space.centroids + c * ProductSpace::kCentroids + j), sum);
      }
      hn::StoreU(sum, real, products + p * ProductSpace::kCentroids + j);
    }
  }
}

/// The least of every 256 of a table [m, 256]: its number.
void least_body(const float* HWY_RESTRICT table, std::int64_t parts, std::uint8_t* code) {
  const Real real;
  const Whole whole;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  for (std::int64_t p = 0; p < parts; ++p, table += ProductSpace::kCentroids) {
    auto least = hn::LoadU(real, table);
    auto at = hn::Iota(whole, 0);
    for (std::int64_t j = lanes; j < ProductSpace::kCentroids; j += lanes) {
      const auto value = hn::LoadU(real, table + j);
      const auto less = hn::Lt(value, least);
      least = hn::IfThenElse(less, value, least);
      at = hn::IfThenElse(hn::RebindMask(whole, less),
                          hn::Iota(whole, static_cast<std::int32_t>(j)), at);
    }
    HWY_ALIGN float values[16];
    HWY_ALIGN std::int32_t numbers[16];
    hn::StoreU(least, real, values);
    hn::StoreU(at, whole, numbers);
    std::int64_t best = 0;
    for (std::int64_t lane = 1; lane < lanes; ++lane) {
      if (values[lane] < values[best] ||
          (values[lane] == values[best] && numbers[lane] < numbers[best])) {
        best = lane;
      }
    }
    code[p] = static_cast<std::uint8_t>(numbers[best]);
  }
}

std::uint64_t near_body(const float* HWY_RESTRICT terms, const std::uint16_t* HWY_RESTRICT sums,
                        float base, float step, float worst, float* HWY_RESTRICT out) {
  const Real real;
  const Whole whole;
  const hn::Rebind<std::uint16_t, Real> narrow;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  std::uint64_t mask = 0;
  for (std::int64_t key = 0; key < ProductLists::kBlock; key += lanes) {
    const auto sum = hn::ConvertTo(real, hn::PromoteTo(whole, hn::LoadU(narrow, sums + key)));
    const auto distance = hn::MulAdd(hn::Set(real, step), sum,
                                     hn::Add(hn::Set(real, base), hn::LoadU(real, terms + key)));
    hn::StoreU(distance, real, out + key);
    std::uint8_t bits[8] = {};
    hn::StoreMaskBits(real, hn::Le(distance, hn::Set(real, worst)), bits);
    mask |= (bits[0] | static_cast<std::uint64_t>(bits[1]) << 8) << key;
  }
  return mask;
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(products_body);
HWY_EXPORT(least_body);
HWY_EXPORT(near_body);

ProductTable::ProductTable(const ProductSpace& space, const float* rotated)
    : values(static_cast<std::size_t>(space.table_size())) {
  std::vector<float> products(values.size());
  HWY_DYNAMIC_DISPATCH(products_body)(space, rotated, products.data());
  std::vector<float> lowest;
  float widest = 0;
  for (std::int64_t p = 0; p < space.parts; ++p) {
    const auto [low, high] =
        std::minmax_element(products.begin() + p * ProductSpace::kCentroids,
                            products.begin() + (p + 1) * ProductSpace::kCentroids);
    lowest.push_back(*low);
    least += *low;
    widest = std::max(widest, *high - *low);
  }
  step = widest / 255;
  const float inverse = step > 0 ? 1 / step : 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float over = (products[i] - lowest[i / ProductSpace::kCentroids]) * inverse;
    values[i] = static_cast<std::uint8_t>(std::min(over + 0.5F, 255.0F));
  }
}

std::uint64_t near_in_block(const float* terms, const std::uint16_t* sums, float base, float step,
                            float worst, float* out) {
  return HWY_DYNAMIC_DISPATCH(near_body)(terms, sums, base, step, worst, out);
}

float encode_product_offset(const ProductSpace& space, const float* offset, const float* centroid,
                            std::uint8_t* code) {
  thread_local std::vector<float> table;
  table.resize(static_cast<std::size_t>(space.table_size()));
  make_product_table(space, offset, table.data());
  HWY_DYNAMIC_DISPATCH(least_body)(table.data(), space.parts, code);
  double term = 0;
  for (std::int64_t c = 0; c < space.cols; ++c) {
    const auto value = static_cast<double>(space.at(c, code[c / space.width]));
    term += value * (value + 2 * static_cast<double>(centroid[c]));
  }
  return static_cast<float>(term);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
