// The body of add_weighted_rows, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>

#include "kernels/weighted_sum.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/weighted_sum_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Entries per pass over the strip, and vectors that they are added to side by side; the order of
// the additions of a column is the same for every number. More rows at a time than eight defeat the
// hardware's prefetcher.
constexpr std::size_t kPass = 8;
constexpr std::size_t kVectors = 4;

template <std::size_t kEntries, std::size_t kWide>
HWY_INLINE void add_at(const float* const* rows, const hn::Vec<hn::ScalableTag<float>>* weight,
                       float* HWY_RESTRICT out, std::int64_t c) {
  const hn::ScalableTag<float> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  hn::Vec<hn::ScalableTag<float>> sum[kWide];
  for (std::size_t v = 0; v < kWide; ++v) {
    sum[v] = hn::LoadU(tag, out + c + static_cast<std::int64_t>(v) * lanes);
  }
  for (std::size_t e = 0; e < kEntries; ++e) {
    for (std::size_t v = 0; v < kWide; ++v) {
      const float* const at = rows[e] + c + static_cast<std::int64_t>(v) * lanes;
      sum[v] = hn::MulAdd(weight[e], hn::LoadU(tag, at), sum[v]);
    }
  }
  for (std::size_t v = 0; v < kWide; ++v) {
    hn::StoreU(sum[v], tag, out + c + static_cast<std::int64_t>(v) * lanes);
  }
}

template <std::size_t kEntries>
HWY_INLINE void pass(const float* const* rows, const float* weights, float* HWY_RESTRICT out,
                     std::int64_t first, std::int64_t last) {
  const hn::ScalableTag<float> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const std::int64_t wide = static_cast<std::int64_t>(kVectors) * lanes;
  hn::Vec<hn::ScalableTag<float>> weight[kEntries];
  for (std::size_t e = 0; e < kEntries; ++e) weight[e] = hn::Set(tag, weights[e]);
  std::int64_t c = first;
  for (; c + wide <= last; c += wide) add_at<kEntries, kVectors>(rows, weight, out, c);
  for (; c + lanes <= last; c += lanes) add_at<kEntries, 1>(rows, weight, out, c);
  for (; c < last; ++c) {
    for (std::size_t e = 0; e < kEntries; ++e) out[c] += weights[e] * rows[e][c];
  }
}

void add_body(const WeightedRows& sum, std::int64_t first, std::int64_t last) {
  const std::size_t entries = sum.rows.size();
  std::size_t e = 0;
  for (; e + kPass <= entries; e += kPass) {
    pass<kPass>(sum.rows.data() + e, sum.weights.data() + e, sum.out, first, last);
  }
  if (e + kPass / 2 <= entries) {
    pass<kPass / 2>(sum.rows.data() + e, sum.weights.data() + e, sum.out, first, last);
    e += kPass / 2;
  }
  for (; e < entries; ++e) {
    pass<1>(sum.rows.data() + e, sum.weights.data() + e, sum.out, first, last);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(add_body);

void add_weighted_rows(const WeightedRows& sum, std::int64_t first, std::int64_t last) {
  HWY_DYNAMIC_DISPATCH(add_body)(sum, first, last);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
