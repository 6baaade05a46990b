// The vector loop of top_words, compiled once per vector instruction set.
#include <cstdint>
#include <vector>

#include "kernels/top_words.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/top_words_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kVectors = 4;  // looked at together: a hit is rare

void above_body(const float* values, std::int64_t begin, std::int64_t end, float limit,
                std::vector<WordScore>& found) {
  const hn::ScalableTag<float> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto threshold = hn::Set(tag, limit);
  const auto keep_from = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      if (values[i] > limit) found.push_back({static_cast<std::int32_t>(i), values[i]});
    }
  };
  std::int64_t i = begin;
  for (; i + kVectors * lanes <= end; i += kVectors * lanes) {
    const auto first = hn::Gt(hn::LoadU(tag, values + i), threshold);
    const auto second = hn::Gt(hn::LoadU(tag, values + i + lanes), threshold);
    const auto third = hn::Gt(hn::LoadU(tag, values + i + 2 * lanes), threshold);
    const auto fourth = hn::Gt(hn::LoadU(tag, values + i + 3 * lanes), threshold);
    if (hn::AllFalse(tag, hn::Or(hn::Or(first, second), hn::Or(third, fourth)))) continue;
    keep_from(i, i + kVectors * lanes);
  }
  keep_from(i, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(above_body);

void words_above(const float* values, std::int64_t begin, std::int64_t end, float limit,
                 std::vector<WordScore>& found) {
  HWY_DYNAMIC_DISPATCH(above_body)(values, begin, end, limit, found);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
