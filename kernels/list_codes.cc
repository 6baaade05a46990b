#include "kernels/list_codes.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pema::kernels {
namespace {

constexpr float kLargest = 127;

/// The next float at or above `value`.
float up(double value) {
  const auto rounded = static_cast<float>(value);
  return static_cast<double>(rounded) >= value
             ? rounded
             : std::nextafter(rounded, std::numeric_limits<float>::infinity());
}

float largest_of(const float* values, std::int64_t count) {
  float largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
  return largest;
}

// Adding and taking away 1.5 * 2^23 rounds to the nearest integer, and vectorises.
float nearest_integer(float value) {
  constexpr float kShift = 12582912.0F;
  return (value + kShift) - kShift;
}

}  // namespace

ListCode encode_offset(const float* offset, std::int64_t cols, std::int64_t place,
                       std::uint8_t* block) {
  const float scale = largest_of(offset, cols) / kLargest;
  const float inverse = scale > 0 ? 1 / scale : 0;
  double square = 0;
  double rest = 0;
  for (std::int64_t c = 0; c < (cols + 3) / 4 * 4; ++c) {
    const float value = c < cols ? offset[c] : 0.0F;
    const float q = std::clamp(nearest_integer(value * inverse), -kLargest, kLargest);
    block[(c / 4 * ListCodes::kBlock + place) * 4 + c % 4] =
        static_cast<std::uint8_t>(static_cast<int>(q) + 128);
    const double left = static_cast<double>(value) - static_cast<double>(scale) * q;
    square += static_cast<double>(value) * static_cast<double>(value);
    rest += left * left;
  }
  return {scale, static_cast<float>(std::sqrt(square)), up(std::sqrt(rest))};
}

void ListQuery::set(const float* rotated, const float* centroid, std::int64_t cols) {
  codes.assign(static_cast<std::size_t>((cols + 3) / 4 * 4), 0);
  std::vector<float> offset(static_cast<std::size_t>(cols));
  for (std::int64_t c = 0; c < cols; ++c) offset[c] = rotated[c] - centroid[c];
  const float step = largest_of(offset.data(), cols) / kLargest;
  const float inverse = step > 0 ? 1 / step : 0;
  // Short sums in float32, in lanes, then float64: as exact as the slack asks, and vectorised.
  constexpr std::int64_t kLanes = 16;
  double total = 0;
  double rest = 0;
  std::int32_t sum = 0;
  for (std::int64_t begin = 0; begin < cols; begin += kLanes) {
    float squares = 0;
    float rests = 0;
    for (std::int64_t c = begin; c < std::min(cols, begin + kLanes); ++c) {
      const float q = std::clamp(nearest_integer(offset[c] * inverse), -kLargest, kLargest);
      codes[c] = static_cast<std::int8_t>(static_cast<int>(q));
      const float left = offset[c] - step * q;
      sum += static_cast<int>(q);
      squares += offset[c] * offset[c];
      rests += left * left;
    }
    total += static_cast<double>(squares);
    rest += static_cast<double>(rests);
  }
  const double size = std::sqrt(total);
  const double left = std::sqrt(rest) * (1 + 1e-5) + 1e-7;
  bias = 128 * sum;
  length = static_cast<float>(size);
  square = static_cast<float>(total);
  minus_twice = -2 * step;
  per_residual = static_cast<float>(2 * (size + left));
  per_length = static_cast<float>(2 * left);
}

}  // namespace pema::kernels
