#include "bench/kernels/passes.h"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/kernels/passes.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

// After foreach_target.h, which must come first.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void exp_body(const float* in, std::int64_t count, float* out) {
  const hn::ScalableTag<float> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  // The arrays of the bench are whole vectors long.
  for (std::int64_t i = 0; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Exp(tag, hn::LoadU(tag, in + i)), tag, out + i);
  }
}

template <typename T>
float read_values(const T* in, std::int64_t count) {
  const hn::ScalableTag<T> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  constexpr std::int64_t kVectors = 8;
  hn::Vec<hn::ScalableTag<T>> sum[kVectors];
  for (auto& value : sum) value = hn::Zero(tag);
  for (std::int64_t i = 0; i + kVectors * lanes <= count; i += kVectors * lanes) {
    for (std::int64_t v = 0; v < kVectors; ++v) {
      sum[v] = hn::Add(sum[v], hn::LoadU(tag, in + i + v * lanes));
    }
  }
  for (std::int64_t v = 1; v < kVectors; ++v) sum[0] = hn::Add(sum[0], sum[v]);
  return static_cast<float>(hn::GetLane(sum[0]));
}

float read_body(const float* in, std::int64_t count) { return read_values(in, count); }
float byte_body(const std::int8_t* in, std::int64_t count) { return read_values(in, count); }

}  // namespace HWY_NAMESPACE
}  // namespace pema::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::bench {

HWY_EXPORT(exp_body);
HWY_EXPORT(read_body);
HWY_EXPORT(byte_body);

void exp_pass(const float* in, std::int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(exp_body)(in, count, out);
}

float read_pass(const float* in, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(read_body)(in, count);
}

float byte_pass(const std::int8_t* in, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(byte_body)(in, count);
}

}  // namespace pema::bench
#endif  // HWY_ONCE
