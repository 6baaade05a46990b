#include "kernels/list_codes.h"

#include <algorithm>
#include <cmath>

#include "kernels/code_rounding.h"

namespace pema::kernels {
namespace {

// Adding and taking away 1.5 * 2^23 rounds to the nearest integer, and vectorises.
float nearest_integer(float value) {
  constexpr float kShift = 12582912.0F;
  return (value + kShift) - kShift;
}

}  // namespace

ListCode encode_offset(const float* offset, std::int64_t cols, std::int64_t place,
                       std::uint8_t* block) {
  const float scale = largest_magnitude({offset, static_cast<std::size_t>(cols)}) / kLargestCode;
  const float inverse = scale > 0 ? 1 / scale : 0;
  double square = 0;
  double rest = 0;
  for (std::int64_t c = 0; c < (cols + 3) / 4 * 4; ++c) {
    const float value = c < cols ? offset[c] : 0.0F;
    const float q = std::clamp(nearest_integer(value * inverse), -kLargestCode, kLargestCode);
    block[(c / 4 * ListCodes::kBlock + place) * 4 + c % 4] =
        static_cast<std::uint8_t>(static_cast<int>(q) + 128);
    const double left = static_cast<double>(value) - static_cast<double>(scale) * q;
    square += static_cast<double>(value) * static_cast<double>(value);
    rest += left * left;
  }
  return {scale, static_cast<float>(std::sqrt(square)), float_at_least(std::sqrt(rest))};
}

}  // namespace pema::kernels
