// The vector loops of interpolate, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/interpolate.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/interpolate_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

// After foreach_target.h, which must come first.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

constexpr float kMinusInf = -std::numeric_limits<float>::infinity();
// Below this float32 exp is 0, or so small that 1 + exp is 1.
constexpr float kFloor = -110.0F;
// Vectors that are added in float32 before the sum goes to float64: bounds the error at 16
// roundings.
constexpr std::int64_t kBlockVectors = 16;

// The last `count` < lanes values and -inf, which softmax ignores. Reads no byte past them.
HWY_INLINE Vector load_end(const float* values, std::int64_t count) {
  const Tag tag;
  HWY_ALIGN float padded[hn::MaxLanes(tag)];
  std::fill(std::copy(values, values + count, padded), padded + hn::MaxLanes(tag), kMinusInf);
  return hn::Load(tag, padded);
}

HWY_INLINE Vector exp_of(Vector x) {
  const Tag tag;
  return hn::Exp(tag, hn::Max(x, hn::Set(tag, kFloor)));
}

LogitSums sums_body(std::span<const float> logits) {
  const Tag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto count = static_cast<std::int64_t>(logits.size());
  const std::int64_t whole = count - count % lanes;
  const float* values = logits.data();
  Vector highest = hn::Set(tag, kMinusInf);
  // Max may drop a NaN, so that they are looked for apart.
  auto nan = hn::IsNaN(highest);
  const auto look_at = [&](Vector value) {
    highest = hn::Max(highest, value);
    nan = hn::Or(nan, hn::IsNaN(value));
  };
  for (std::int64_t i = 0; i < whole; i += lanes) look_at(hn::LoadU(tag, values + i));
  if (whole < count) look_at(load_end(values + whole, count - whole));
  LogitSums sums;
  if (!hn::AllFalse(tag, nan)) {
    sums.sum = std::numeric_limits<double>::quiet_NaN();
    return sums;
  }
  sums.maximum = hn::GetLane(hn::MaxOfLanes(tag, highest));
  const Vector shift = hn::Set(tag, sums.maximum);
  const std::int64_t length = kBlockVectors * lanes;
  for (std::int64_t block = 0; block < count; block += length) {
    const std::int64_t end = std::min(count, block + length);
    Vector sum = hn::Zero(tag);
    for (std::int64_t i = block; i < end; i += lanes) {
      const Vector value =
          i + lanes <= end ? hn::LoadU(tag, values + i) : load_end(values + i, end - i);
      sum = hn::Add(sum, exp_of(hn::Sub(value, shift)));
    }
    sums.sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, sum)));
  }
  return sums;
}

HWY_INLINE Vector mix(Vector a, Vector b) {
  const Tag tag;
  const Vector high = hn::Max(a, b);
  const Vector gap = hn::Sub(hn::Min(a, b), high);
  const Vector sum = hn::Add(high, hn::Log1p(tag, exp_of(gap)));
  // Where both are -inf the gap is NaN.
  const Vector minus_inf = hn::Set(tag, kMinusInf);
  return hn::IfThenElse(hn::Eq(high, minus_inf), minus_inf, sum);
}

HWY_INLINE Vector dense(const DenseMix& row, Vector base, Vector personal) {
  const Tag tag;
  const Vector a = hn::Add(hn::Sub(base, hn::Set(tag, row.base_max)), hn::Set(tag, row.base_log));
  const Vector b =
      hn::Add(hn::Sub(personal, hn::Set(tag, row.personal_max)), hn::Set(tag, row.personal_log));
  if (row.personal == nullptr) return row.base == nullptr ? hn::Set(tag, kMinusInf) : a;
  return row.base == nullptr ? b : mix(a, b);
}

void mix_body(const DenseMix& row, std::int64_t count, float* out) {
  const Tag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const Vector none = hn::Zero(tag);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const Vector base = row.base == nullptr ? none : hn::LoadU(tag, row.base + i);
    const Vector personal = row.personal == nullptr ? none : hn::LoadU(tag, row.personal + i);
    hn::StoreU(dense(row, base, personal), tag, out + i);
  }
  if (i < count) {
    const Vector base = row.base == nullptr ? none : load_end(row.base + i, count - i);
    const Vector personal = row.personal == nullptr ? none : load_end(row.personal + i, count - i);
    HWY_ALIGN float padded[hn::MaxLanes(tag)];
    hn::Store(dense(row, base, personal), tag, padded);
    std::copy(padded, padded + (count - i), out + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(sums_body);
HWY_EXPORT(mix_body);

LogitSums logit_sums(std::span<const float> logits) {
  return HWY_DYNAMIC_DISPATCH(sums_body)(logits);
}

void mix_dense(const DenseMix& mix, std::int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(mix_body)(mix, count, out);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
