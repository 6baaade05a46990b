// The bodies of make_product_table and product_distances, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>

#include "kernels/product_codes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/product_codes_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Real = hn::CappedTag<float, ProductCodes::kBlock>;
using Index = hn::Rebind<std::int32_t, Real>;
using Code = hn::Rebind<std::uint8_t, Real>;

// Four vectors of centroids at a time stay in registers over the dimensions of a part.
void table_body(const ProductSpace& space, const float* HWY_RESTRICT query,
                float* HWY_RESTRICT table) {
  constexpr std::int64_t kVectors = 4;
  const Real real;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  for (std::int64_t p = 0; p < space.parts; ++p) {
    const std::int64_t last = std::min(space.cols, (p + 1) * space.width);
    for (std::int64_t j = 0; j < ProductSpace::kCentroids; j += kVectors * lanes) {
      hn::Vec<Real> sums[kVectors];
      for (auto& sum : sums) sum = hn::Zero(real);
      for (std::int64_t c = p * space.width; c < last; ++c) {
        const auto value = hn::Set(real, query[c]);
        const float* const at = space.centroids + c * ProductSpace::kCentroids + j;
        for (std::int64_t v = 0; v < kVectors; ++v) {
          const auto difference = hn::Sub(value, hn::LoadU(real, at + v * lanes));
          sums[v] = hn::MulAdd(difference, difference, sums[v]);
        }
      }
      for (std::int64_t v = 0; v < kVectors; ++v) {
        hn::StoreU(sums[v], real, table + p * ProductSpace::kCentroids + j + v * lanes);
      }
    }
  }
}

void distances_body(const ProductCodes& keys, std::int64_t index, const float* HWY_RESTRICT table,
                    float* HWY_RESTRICT out) {
  const Real real;
  const Index numbers;
  const Code bytes;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  const std::int64_t parts = keys.space->parts;
  const std::uint8_t* const block = keys.codes + index * parts * ProductCodes::kBlock;
  for (std::int64_t key = 0; key < ProductCodes::kBlock; key += lanes) {
    auto sum = hn::Zero(real);
    for (std::int64_t p = 0; p < parts; ++p) {
      const auto codes =
          hn::PromoteTo(numbers, hn::LoadU(bytes, block + p * ProductCodes::kBlock + key));
      sum = hn::Add(sum, hn::GatherIndex(real, table + p * ProductSpace::kCentroids, codes));
    }
    hn::StoreU(hn::Min(sum, hn::Set(real, 4.0F)), real, out + key);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(table_body);
HWY_EXPORT(distances_body);

void make_product_table(const ProductSpace& space, const float* query, float* table) {
  HWY_DYNAMIC_DISPATCH(table_body)(space, query, table);
}

void product_distances(const ProductCodes& keys, std::int64_t index, const float* table,
                       float* out) {
  HWY_DYNAMIC_DISPATCH(distances_body)(keys, index, table, out);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
