// The bodies of make_product_table and product_distances, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>
#include <vector>

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

// y [d] = x [d] rotated; four vectors of y at a time stay in registers over the dimensions of x.
void rotate_body(const float* HWY_RESTRICT rotation, std::int64_t cols, const float* HWY_RESTRICT x,
                 float* HWY_RESTRICT y) {
  constexpr std::int64_t kVectors = 4;
  const Real real;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  std::int64_t r = 0;
  for (; r + kVectors * lanes <= cols; r += kVectors * lanes) {
    hn::Vec<Real> sums[kVectors];
    for (auto& sum : sums) sum = hn::Zero(real);
    for (std::int64_t c = 0; c < cols; ++c) {
      const auto value = hn::Set(real, x[c]);
      const float* const at = rotation + c * cols + r;
      for (std::int64_t v = 0; v < kVectors; ++v) {
        sums[v] = hn::MulAdd(value, hn::LoadU(real, at + v * lanes), sums[v]);
      }
    }
    for (std::int64_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], real, y + r + v * lanes);
  }
  for (; r < cols; ++r) {
    float sum = 0;
    for (std::int64_t c = 0; c < cols; ++c) sum += x[c] * rotation[c * cols + r];
    y[r] = sum;
  }
}

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
  const std::int64_t codes_each = keys.space->bytes();
  const std::uint8_t* const block = keys.codes + index * codes_each * ProductCodes::kBlock;
  for (std::int64_t key = 0; key < ProductCodes::kBlock; key += lanes) {
    auto sum = hn::Zero(real);
    for (std::int64_t p = 0; p < codes_each; ++p) {
      const auto codes =
          hn::PromoteTo(numbers, hn::LoadU(bytes, block + p * ProductCodes::kBlock + key));
      sum = hn::Add(sum, hn::GatherIndex(real, table + p * ProductSpace::kCentroids, codes));
    }
    sum = hn::Max(hn::Zero(real), hn::Min(sum, hn::Set(real, 4.0F)));
    hn::StoreU(sum, real, out + key);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(rotate_body);
HWY_EXPORT(table_body);
HWY_EXPORT(distances_body);

void make_product_table(const ProductSpace& space, const float* query, float* table) {
  std::vector<float> turned;
  if (space.rotation != nullptr) {
    turned.resize(static_cast<std::size_t>(space.cols));
    HWY_DYNAMIC_DISPATCH(rotate_body)(space.rotation, space.cols, query, turned.data());
    query = turned.data();
  }
  HWY_DYNAMIC_DISPATCH(table_body)(space, query, table);
  if (space.errors == nullptr) return;
  std::transform(space.errors, space.errors + ProductSpace::kCentroids,
                 table + space.parts * ProductSpace::kCentroids,
                 [](float error) { return -error; });
}

void product_distances(const ProductCodes& keys, std::int64_t index, const float* table,
                       float* out) {
  HWY_DYNAMIC_DISPATCH(distances_body)(keys, index, table, out);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
