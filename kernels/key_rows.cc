#include "kernels/key_rows.h"

#include <bit>

namespace pema::kernels {
namespace {

/// float16 to float32, exactly, without a branch; infinities and NaN come out as 65,536 and more.
float widen(std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t magnitude = half & 0x7fffU;
  const auto normal = std::bit_cast<float>((magnitude << 13) + (112U << 23));
  const float small = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24F;
  const float value = magnitude < 0x400U ? small : normal;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

}  // namespace

const float* KeyRows::row(std::int64_t index, float* buffer) const noexcept {
  if (type_ == NumberType::kFloat16) {
    const std::uint16_t* const halves =
        static_cast<const std::uint16_t*>(values_) + index * stride_;
    for (std::int64_t c = 0; c < cols_; ++c) buffer[c] = widen(halves[c]);
    return buffer;
  }
  if (type_ == NumberType::kInt8) {
    const std::int64_t pairs = (cols_ + 1) / 2;
    const std::int8_t* at = blocks() + index / kBlock * pairs * kBlock * 2 + index % kBlock * 2;
    const float scale = scales_[index];
    for (std::int64_t c = 0; c < cols_; ++c) {
      buffer[c] = scale * static_cast<float>(at[c / 2 * kBlock * 2 + c % 2]);
    }
    return buffer;
  }
  return static_cast<const float*>(values_) + index * stride_;
}

}  // namespace pema::kernels
