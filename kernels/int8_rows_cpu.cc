// The body of add_int8_rows, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>

#include "kernels/int8_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/int8_rows_cpu.cc"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void add_body(const Int8Pair* pairs, std::size_t count, float step, std::int64_t first,
              std::int64_t last, std::int32_t* /*sums*/, float* out) {
  for (std::int64_t c = first; c < last; ++c) {
    std::int32_t sum = 0;
    for (std::size_t p = 0; p < count; ++p) {
      sum +=
          pairs[p].first_weight * pairs[p].first[c] + pairs[p].second_weight * pairs[p].second[c];
    }
    out[c] += step * static_cast<float>(sum);
  }
}

#else

// Pairs per pass over the strip; more rows side by side defeat the hardware's prefetcher.
constexpr std::size_t kPass = 4;

using Wide = hn::ScalableTag<std::int16_t>;
using Narrow = hn::Rebind<std::int8_t, Wide>;
using Sum = hn::Repartition<std::int32_t, Wide>;

/// Adds kPairs pairs to the sums of columns [first, last), which lie in the order that interleaving
/// within blocks of 8 columns gives: those of the lower halves of a vector's blocks, then the upper
/// ones; asks for the rows of the `next` kPairs pairs, unless null. The last vector may pass
/// `last`, up to the end of its group, where rows hold zeros.
template <std::size_t kPairs, bool kFresh>
HWY_INLINE void pass(const Int8Pair* pairs, const Int8Pair* next, std::int64_t first,
                     std::int64_t last, std::int32_t* HWY_RESTRICT sums) {
  const Wide wide;
  const Narrow narrow;
  const Sum sum;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(wide));
  hn::Vec<Wide> weight[kPairs];
  for (std::size_t p = 0; p < kPairs; ++p) {
    weight[p] = hn::InterleaveLower(wide, hn::Set(wide, pairs[p].first_weight),
                                    hn::Set(wide, pairs[p].second_weight));
  }
  for (std::int64_t c = first; c < last; c += lanes) {
    std::int32_t* at = sums + (c - first);
    for (std::size_t p = 0; p < kPairs && next != nullptr; ++p) {
      hwy::Prefetch(next[p].first + c);
      hwy::Prefetch(next[p].second + c);
    }
    hn::Vec<Sum> low = kFresh ? hn::Zero(sum) : hn::LoadU(sum, at);
    hn::Vec<Sum> high = kFresh ? hn::Zero(sum) : hn::LoadU(sum, at + lanes / 2);
    hn::Vec<Sum> low_odd = hn::Zero(sum);
    hn::Vec<Sum> high_odd = hn::Zero(sum);
    for (std::size_t p = 0; p < kPairs; ++p) {
      const auto a = hn::PromoteTo(wide, hn::LoadU(narrow, pairs[p].first + c));
      const auto b = hn::PromoteTo(wide, hn::LoadU(narrow, pairs[p].second + c));
      low = hn::ReorderWidenMulAccumulate(sum, hn::InterleaveLower(wide, a, b), weight[p], low,
                                          low_odd);
      high = hn::ReorderWidenMulAccumulate(sum, hn::InterleaveUpper(wide, a, b), weight[p], high,
                                           high_odd);
    }
    hn::StoreU(hn::RearrangeToOddPlusEven(low, low_odd), sum, at);
    hn::StoreU(hn::RearrangeToOddPlusEven(high, high_odd), sum, at + lanes / 2);
  }
}

/// Back into the order of the columns, four at a time.
HWY_INLINE void write(const std::int32_t* sums, float step, std::int64_t first, std::int64_t last,
                      float* HWY_RESTRICT out) {
  const hn::FixedTag<std::int32_t, 4> four;
  const hn::FixedTag<float, 4> real;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(Wide()));
  const auto scale = hn::Set(real, step);
  for (std::int64_t c = first; c < last; c += 4) {
    const std::int64_t in_vector = (c - first) % lanes;
    const std::int64_t block = in_vector / 8;
    const std::int64_t at =
        (c - first) - in_vector + (in_vector % 8 == 0 ? 0 : lanes / 2) + block * 4;
    const auto value = hn::ConvertTo(real, hn::LoadU(four, sums + at));
    if (c + 4 <= last) {
      hn::StoreU(hn::MulAdd(scale, value, hn::LoadU(real, out + c)), real, out + c);
    } else {
      float padded[4] = {};
      std::copy(out + c, out + last, padded);
      hn::StoreU(hn::MulAdd(scale, value, hn::LoadU(real, padded)), real, padded);
      std::copy(padded, padded + (last - c), out + c);
    }
  }
}

void add_body(const Int8Pair* pairs, std::size_t count, float step, std::int64_t first,
              std::int64_t last, std::int32_t* sums, float* out) {
  std::size_t p = 0;
  if (count >= kPass) {
    pass<kPass, true>(pairs, count >= 2 * kPass ? pairs + kPass : nullptr, first, last, sums);
    p = kPass;
  } else {
    pass<1, true>(pairs, nullptr, first, last, sums);
    p = 1;
  }
  for (; p + kPass <= count; p += kPass)
    pass<kPass, false>(pairs + p, p + 2 * kPass <= count ? pairs + p + kPass : nullptr, first, last,
                       sums);
  for (; p < count; ++p) pass<1, false>(pairs + p, nullptr, first, last, sums);
  write(sums, step, first, last, out);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(add_body);

void add_int8_pairs(std::span<const Int8Pair> pairs, float step, std::int64_t first,
                    std::int64_t last, std::int32_t* sums, float* out) {
  HWY_DYNAMIC_DISPATCH(add_body)(pairs.data(), pairs.size(), step, first, last, sums, out);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
