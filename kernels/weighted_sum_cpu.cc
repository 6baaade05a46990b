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

// Entries per pass over the strip; the order of the additions is the same for every number.
constexpr std::size_t kPass = 4;

template <std::size_t kEntries>
HWY_INLINE void pass(const float* const* rows, const float* weights, float* HWY_RESTRICT out,
                     std::int64_t first, std::int64_t last) {
  const hn::ScalableTag<float> tag;
  using Vector = hn::Vec<decltype(tag)>;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  Vector weight[kEntries];
  for (std::size_t e = 0; e < kEntries; ++e) weight[e] = hn::Set(tag, weights[e]);
  std::int64_t c = first;
  for (; c + lanes <= last; c += lanes) {
    Vector sum = hn::LoadU(tag, out + c);
    for (std::size_t e = 0; e < kEntries; ++e) {
      sum = hn::MulAdd(weight[e], hn::LoadU(tag, rows[e] + c), sum);
    }
    hn::StoreU(sum, tag, out + c);
  }
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
