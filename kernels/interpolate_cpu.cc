// The vector loops of interpolate, compiled once per vector instruction set.
#include <algorithm>
#include <cmath>
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
// exp_of gives exp(kFloor) = 1.6e-38 for all below it: a normal number, too small to count in a sum
// over 2^24 words.
constexpr float kFloor = -87.0F;
// Above this a logit is no neighbour of the one that stands for the maximum: sums stay far from
// overflow.
constexpr float kCeiling = 60.0F;
// A mixture below this is computed by logarithms instead, because kFloor may have touched it.
constexpr float kTrusted = 1e-30F;
// Below this float32 exp is 0, or so small that 1 + exp is 1.
constexpr float kNothing = -110.0F;
constexpr float kLn2 = 0.693147180559945F;
// Vectors that are added in float32 before the sum goes to float64, in kSums sums side by side: one
// would wait for itself.
constexpr std::int64_t kBlockVectors = 16;
constexpr std::int64_t kSums = 4;

// The last `count` < lanes values and `padding`. Reads no byte past them.
HWY_INLINE Vector load_end(const float* values, std::int64_t count, float padding) {
  const Tag tag;
  HWY_ALIGN float padded[hn::MaxLanes(tag)];
  std::fill(std::copy(values, values + count, padded), padded + hn::MaxLanes(tag), padding);
  return hn::Load(tag, padded);
}

HWY_INLINE void store_end(Vector value, std::int64_t count, float* out) {
  const Tag tag;
  HWY_ALIGN float padded[hn::MaxLanes(tag)];
  hn::Store(value, tag, padded);
  std::copy(padded, padded + count, out);
}

// exp(x) for kFloor <= x <= kCeiling, 3.2 u (u = 2^-24): x = n ln 2 + r, |r| <= ln 2 / 2; 1 + r +
// r^2 q(r) is the minimax polynomial of degree 5 in the relative error (1.9 u).
HWY_INLINE Vector exp_above_floor(Vector x) {
  const Tag tag;
  const hn::RebindToSigned<Tag> bits;
  // Adding 1.5 2^23 rounds to an integer, which then stands in the low bits, here with the bias of
  // exponents.
  const Vector shift = hn::Set(tag, 12582912.0F + 127.0F);
  const Vector shifted = hn::MulAdd(x, hn::Set(tag, 1.0F / kLn2), shift);
  const Vector r = hn::NegMulAdd(hn::Sub(shifted, shift), hn::Set(tag, kLn2), x);
  Vector p = hn::Set(tag, 0.00831204955F);
  p = hn::MulAdd(p, r, hn::Set(tag, 0.0418944993F));
  p = hn::MulAdd(p, r, hn::Set(tag, 0.166671332F));
  p = hn::MulAdd(p, r, hn::Set(tag, 0.499992018F));
  p = hn::MulAdd(p, r, hn::Set(tag, 1.0F));
  p = hn::MulAdd(p, r, hn::Set(tag, 1.0F));
  // A product, so that a NaN stays one.
  return hn::Mul(p, hn::BitCast(tag, hn::ShiftLeft<23>(hn::BitCast(bits, shifted))));
}

// The same from -inf on. NaN gives NaN or exp(kFloor).
HWY_INLINE Vector exp_of(Vector x) { return exp_above_floor(hn::Max(x, hn::Set(Tag(), kFloor))); }

// log(x) for normal x > 0, within 0.7 u + 1.2 u abs(log x): x = 2^e (1 + f), f in [sqrt(1/2) - 1,
// sqrt(2) - 1]; f + f^2 q(f) is the minimax polynomial of degree 8 in the absolute error (0.62 u).
HWY_INLINE Vector log_of(Vector x) {
  const Tag tag;
  const hn::RebindToSigned<Tag> bits;
  const auto raw = hn::BitCast(bits, x);
  // e times 2^23, an integer that float32 holds exactly.
  const auto e = hn::AndNot(hn::Set(bits, 0x007fffff), hn::Sub(raw, hn::Set(bits, 0x3f3504f3)));
  const Vector f = hn::Sub(hn::BitCast(tag, hn::Sub(raw, e)), hn::Set(tag, 1.0F));
  Vector p = hn::Set(tag, -0.100346148F);
  p = hn::MulAdd(p, f, hn::Set(tag, 0.1633564F));
  p = hn::MulAdd(p, f, hn::Set(tag, -0.173259938F));
  p = hn::MulAdd(p, f, hn::Set(tag, 0.198882777F));
  p = hn::MulAdd(p, f, hn::Set(tag, -0.249614653F));
  p = hn::MulAdd(p, f, hn::Set(tag, 0.333352614F));
  p = hn::MulAdd(p, f, hn::Set(tag, -0.500005844F));
  p = hn::MulAdd(hn::Mul(p, f), f, f);
  return hn::MulAdd(hn::ConvertTo(tag, e), hn::Set(tag, kLn2 * 0x1p-23F), p);
}

// Sum of exponential(value, s) over the values, in blocks; s < kSums tells apart calls side by
// side. The last vector is filled up with `padding`. Writes to `exponentials` unless null.
template <typename Exponential>
HWY_INLINE double sum_of(std::span<const float> values, float padding, float* exponentials,
                         const Exponential& exponential) {
  const Tag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto count = static_cast<std::int64_t>(values.size());
  const auto at = [&](std::int64_t i, std::int64_t s) {
    const Vector e = exponential(hn::LoadU(tag, values.data() + i), s);
    if (exponentials != nullptr) hn::StoreU(e, tag, exponentials + i);
    return e;
  };
  double result = 0;
  const std::int64_t length = kBlockVectors * lanes;
  for (std::int64_t block = 0; block < count; block += length) {
    const std::int64_t end = std::min(count, block + length);
    Vector sum[kSums];
    for (Vector& value : sum) value = hn::Zero(tag);
    std::int64_t i = block;
    for (; i + kSums * lanes <= end; i += kSums * lanes) {
      for (std::int64_t s = 0; s < kSums; ++s) sum[s] = hn::Add(sum[s], at(i + s * lanes, s));
    }
    Vector total = hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]));
    for (; i + lanes <= end; i += lanes) total = hn::Add(total, at(i, 0));
    if (i < end) {
      Vector e = exponential(load_end(values.data() + i, end - i, padding), 0);
      if (exponentials != nullptr) store_end(e, end - i, exponentials + i);
      e = hn::IfThenElseZero(hn::FirstN(tag, static_cast<std::size_t>(end - i)), e);
      total = hn::Add(total, e);
    }
    result += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, total)));
  }
  return result;
}

float highest_body(std::span<const float> logits) {
  const Tag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto count = static_cast<std::int64_t>(logits.size());
  const float* values = logits.data();
  Vector highest[kSums];
  for (Vector& value : highest) value = hn::Set(tag, kMinusInf);
  // Max may drop a NaN, so that they are looked for apart.
  auto nan = hn::IsNaN(highest[0]);
  const auto look_at = [&](Vector value, std::int64_t at) {
    highest[at] = hn::Max(highest[at], value);
    nan = hn::Or(nan, hn::IsNaN(value));
  };
  std::int64_t seen = 0;
  for (; seen + kSums * lanes <= count; seen += kSums * lanes) {
    for (std::int64_t s = 0; s < kSums; ++s) look_at(hn::LoadU(tag, values + seen + s * lanes), s);
  }
  for (; seen + lanes <= count; seen += lanes) look_at(hn::LoadU(tag, values + seen), 0);
  if (seen < count) look_at(load_end(values + seen, count - seen, kMinusInf), 0);
  if (!hn::AllFalse(tag, nan)) return std::numeric_limits<float>::quiet_NaN();
  const Vector pair = hn::Max(hn::Max(highest[0], highest[1]), hn::Max(highest[2], highest[3]));
  return hn::GetLane(hn::MaxOfLanes(tag, pair));
}

// exponentials: where exp(l - maximum) goes, [count], or null.
LogitSums sums_body(std::span<const float> logits, float* exponentials) {
  const Tag tag;
  const float highest = highest_body(logits);
  if (std::isnan(highest)) return {0.0F, std::numeric_limits<double>::quiet_NaN()};
  LogitSums sums{highest, 0.0};
  if (highest == kMinusInf) {
    if (exponentials != nullptr) std::fill_n(exponentials, std::ssize(logits), 0.0F);
    return sums;
  }
  const Vector maximum = hn::Set(tag, sums.maximum);
  sums.sum = sum_of(logits, kMinusInf, exponentials,
                    [&](Vector value, std::int64_t) { return exp_of(hn::Sub(value, maximum)); });
  return sums;
}

// One pass where every logit lies within (kFloor, kCeiling) of the first, which then stands for the
// maximum: a NaN goes through to the sum. Otherwise the two passes of sums_body.
LogitSums near_sums_body(std::span<const float> logits, float* exponentials) {
  const Tag tag;
  const float first = logits.front();
  const Vector reference = hn::Set(tag, first);
  Vector highest[kSums];
  Vector lowest[kSums];
  for (std::int64_t s = 0; s < kSums; ++s) highest[s] = lowest[s] = hn::Zero(tag);
  const double sum = sum_of(logits, first, exponentials, [&](Vector value, std::int64_t s) {
    const Vector x = hn::Sub(value, reference);
    highest[s] = hn::Max(highest[s], x);
    lowest[s] = hn::Min(lowest[s], x);
    return exp_above_floor(x);
  });
  const Vector high = hn::Max(hn::Max(highest[0], highest[1]), hn::Max(highest[2], highest[3]));
  const Vector low = hn::Min(hn::Min(lowest[0], lowest[1]), hn::Min(lowest[2], lowest[3]));
  const auto near =
      hn::And(hn::Lt(high, hn::Set(tag, kCeiling)), hn::Gt(low, hn::Set(tag, kFloor)));
  if (std::isfinite(first) && std::isfinite(sum) && hn::AllTrue(tag, near)) return {first, sum};
  return sums_body(logits, exponentials);
}

// log(exp(a) + exp(b)), right at every distance.
HWY_INLINE Vector log_add(Vector a, Vector b) {
  const Tag tag;
  const Vector high = hn::Max(a, b);
  const Vector gap = hn::Max(hn::Sub(hn::Min(a, b), high), hn::Set(tag, kNothing));
  const Vector sum = hn::Add(high, hn::Log1p(tag, hn::Exp(tag, gap)));
  // Where both are -inf the gap is NaN.
  const Vector minus_inf = hn::Set(tag, kMinusInf);
  return hn::IfThenElse(hn::Eq(high, minus_inf), minus_inf, sum);
}

HWY_INLINE Vector log_share(const MixSource& source, Vector logits) {
  const Tag tag;
  return hn::Add(hn::Sub(logits, hn::Set(tag, source.maximum)), hn::Set(tag, source.log_share));
}

// Columns [0, lanes) of a mixture of two sources; `load` reads them.
template <typename Load>
HWY_INLINE Vector mix_two(const DenseMix& row, std::int64_t i, const Load& load) {
  const Tag tag;
  const auto e = [&](const MixSource& source) {
    return source.exponentials != nullptr
               ? load(source.exponentials, i)
               : exp_of(hn::Sub(load(source.logits, i), hn::Set(tag, source.maximum)));
  };
  const Vector p = hn::MulAdd(hn::Set(tag, row.base.share), e(row.base),
                              hn::Mul(hn::Set(tag, row.personal.share), e(row.personal)));
  const Vector quick = log_of(p);
  const auto trusted = hn::Ge(p, hn::Set(tag, kTrusted));
  if (HWY_LIKELY(hn::AllTrue(tag, trusted))) return quick;
  const auto logarithm = [&](const MixSource& source) {
    return log_share(source, load(source.logits, i));
  };
  return hn::IfThenElse(trusted, quick, log_add(logarithm(row.base), logarithm(row.personal)));
}

template <typename VectorAt>
HWY_INLINE void write(std::int64_t count, float* out, const VectorAt& vector_at) {
  const Tag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto whole = [&](const float* values, std::int64_t i) {
    return hn::LoadU(tag, values + i);
  };
  const auto end = [&](const float* values, std::int64_t i) {
    return load_end(values + i, count - i, kMinusInf);
  };
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(vector_at(i, whole), tag, out + i);
  if (i < count) store_end(vector_at(i, end), count - i, out + i);
}

void mix_body(const DenseMix& row, std::int64_t count, float* out) {
  const MixSource& base = row.base;
  const MixSource& personal = row.personal;
  if (base.logits != nullptr && personal.logits != nullptr) {
    write(count, out, [&](std::int64_t i, const auto& load) { return mix_two(row, i, load); });
  } else if (base.logits == nullptr && personal.logits == nullptr) {
    std::fill_n(out, count, kMinusInf);
  } else {
    const MixSource& only = base.logits != nullptr ? base : personal;
    write(count, out,
          [&](std::int64_t i, const auto& load) { return log_share(only, load(only.logits, i)); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(highest_body);
HWY_EXPORT(sums_body);
HWY_EXPORT(near_sums_body);
HWY_EXPORT(mix_body);

float highest_logit(std::span<const float> logits) {
  return HWY_DYNAMIC_DISPATCH(highest_body)(logits);
}

LogitSums logit_sums(std::span<const float> logits, float* exponentials) {
  return HWY_DYNAMIC_DISPATCH(sums_body)(logits, exponentials);
}

LogitSums near_sums(std::span<const float> logits, float* exponentials) {
  return HWY_DYNAMIC_DISPATCH(near_sums_body)(logits, exponentials);
}

void mix_dense(const DenseMix& mix, std::int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(mix_body)(mix, count, out);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
