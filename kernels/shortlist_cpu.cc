// The vector loops of shortlists, compiled once per vector instruction set.
#include <algorithm>
#include <cstdint>

#include "kernels/shortlist.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/shortlist_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors that are added in float32 before the sum goes to float64, in kSums sums side by side: one
// would wait for itself.
constexpr std::int64_t kBlockVectors = 64;
constexpr std::int64_t kSums = 4;

double below_body(std::span<const float> values, float threshold) {
  const hn::ScalableTag<float> tag;
  using Vector = hn::Vec<decltype(tag)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto count = static_cast<std::int64_t>(values.size());
  const Vector limit = hn::Set(tag, threshold);
  const auto below = [&](std::int64_t i) {
    const Vector value = hn::LoadU(tag, values.data() + i);
    return hn::IfThenElseZero(hn::Lt(value, limit), value);
  };
  double mass = 0;
  std::int64_t i = 0;
  while (i + kSums * lanes <= count) {
    const std::int64_t end = std::min(count, i + kBlockVectors * lanes);
    Vector sum[kSums];
    for (Vector& value : sum) value = hn::Zero(tag);
    for (; i + kSums * lanes <= end; i += kSums * lanes) {
      for (std::int64_t s = 0; s < kSums; ++s) sum[s] = hn::Add(sum[s], below(i + s * lanes));
    }
    const Vector total = hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]));
    mass += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, total)));
  }
  for (; i < count; ++i) {
    const float value = values[static_cast<std::size_t>(i)];
    if (value < threshold) mass += static_cast<double>(value);
  }
  return mass;
}

void list_body(std::span<const float> values, float threshold, std::vector<std::int32_t>& words) {
  const hn::ScalableTag<float> tag;
  const hn::RebindToSigned<decltype(tag)> place;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto count = static_cast<std::int64_t>(values.size());
  const auto limit = hn::Set(tag, threshold);
  std::size_t size = words.size();
  std::int64_t i = 0;
  while (i + lanes <= count) {
    const std::int64_t end = std::min(count, i + kBlockVectors * lanes);
    // CompressStore may write a whole vector.
    if (words.size() < size + static_cast<std::size_t>((kBlockVectors + 1) * lanes)) {
      words.resize(2 * size + static_cast<std::size_t>(2 * kBlockVectors * lanes));
    }
    for (; i + lanes <= end; i += lanes) {
      const auto likely = hn::Ge(hn::LoadU(tag, values.data() + i), limit);
      if (hn::AllFalse(tag, likely)) continue;
      const auto places = hn::Iota(place, static_cast<std::int32_t>(i));
      size += hn::CompressStore(places, hn::RebindMask(place, likely), place, words.data() + size);
    }
  }
  words.resize(size);
  for (; i < count; ++i) {
    if (values[static_cast<std::size_t>(i)] >= threshold) {
      words.push_back(static_cast<std::int32_t>(i));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(below_body);
HWY_EXPORT(list_body);

double mass_below(std::span<const float> values, float threshold) {
  return HWY_DYNAMIC_DISPATCH(below_body)(values, threshold);
}

void list_from(std::span<const float> values, float threshold, std::vector<std::int32_t>& words) {
  HWY_DYNAMIC_DISPATCH(list_body)(values, threshold, words);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
