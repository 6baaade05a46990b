// The body of add_weighted_rows over 16-bit rows, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>

#include "kernels/half_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/half_rows_cpu.cc"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Entries per pass over the strip, as many as defeat no hardware prefetcher; the order of the
// additions of a column is the same for every number.
constexpr std::size_t kPass = 8;
constexpr std::int64_t kPerLine = 32;

template <typename Half, std::size_t kEntries>
HWY_INLINE void pass(const HalfMatrix& matrix, const std::int32_t* entries, const float* weights,
                     const std::int32_t* next, std::int64_t first, std::int64_t last,
                     float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 16> tag;
  const hn::Rebind<Half, decltype(tag)> narrow;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const Half* rows[kEntries];
  const Half* later[kEntries] = {};
  hn::Vec<decltype(tag)> weight[kEntries];
  for (std::size_t e = 0; e < kEntries; ++e) {
    rows[e] = reinterpret_cast<const Half*>(matrix.row(entries[e]));
    if (next != nullptr) later[e] = reinterpret_cast<const Half*>(matrix.row(next[e]));
    weight[e] = hn::Set(tag, weights[e]);
  }
  const auto add = [&](std::int64_t c, const auto sum) HWY_ATTR {
    auto result = sum;
    for (std::size_t e = 0; e < kEntries; ++e) {
      const auto value = hn::PromoteTo(tag, hn::LoadU(narrow, rows[e] + c));
      result = hn::MulAdd(weight[e], value, result);
    }
    return result;
  };
  std::int64_t c = first;
  for (; c + kPerLine <= last; c += kPerLine) {
    for (std::size_t e = 0; e < kEntries && next != nullptr; ++e) hwy::Prefetch(later[e] + c);
    for (std::int64_t at = c; at < c + kPerLine; at += lanes) {
      hn::StoreU(add(at, hn::LoadU(tag, out + at)), tag, out + at);
    }
  }
  // Rows are padded to whole groups of columns, `out` is not.
  for (; c < last; c += lanes) {
    float padded[16] = {};
    const std::int64_t count = std::min(lanes, last - c);
    std::copy(out + c, out + c + count, padded);
    hn::StoreU(add(c, hn::LoadU(tag, padded)), tag, padded);
    std::copy(padded, padded + count, out + c);
  }
}

template <typename Half>
void add_typed(const HalfMatrix& matrix, const HalfSum& sum, std::int64_t first,
               std::int64_t last) {
  const std::int32_t* rows = sum.rows.data();
  const float* weights = sum.weights.data();
  const std::size_t entries = sum.rows.size();
  std::size_t e = 0;
  for (; e + kPass <= entries; e += kPass) {
    const std::int32_t* next = e + 2 * kPass <= entries ? rows + e + kPass : nullptr;
    pass<Half, kPass>(matrix, rows + e, weights + e, next, first, last, sum.out);
  }
  for (; e < entries; ++e) {
    pass<Half, 1>(matrix, rows + e, weights + e, nullptr, first, last, sum.out);
  }
}

void add_half_body(const HalfMatrix& matrix, const HalfSum& sum, std::int64_t first,
                   std::int64_t last) {
  if (matrix.type() == NumberType::kFloat16) {
    add_typed<hwy::float16_t>(matrix, sum, first, last);
  } else {
    add_typed<hwy::bfloat16_t>(matrix, sum, first, last);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(add_half_body);

void add_half_rows(const HalfMatrix& matrix, const HalfSum& sum, std::int64_t first,
                   std::int64_t last) {
  HWY_DYNAMIC_DISPATCH(add_half_body)(matrix, sum, first, last);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
