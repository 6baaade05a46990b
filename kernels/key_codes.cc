#include "kernels/key_codes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/code_rounding.h"
#include "kernels/key_rotation.h"

namespace pema::kernels {

KeyCodes::KeyCodes(const KeyRows& keys) : rows_(keys.rows()), cols_(keys.cols()) {
  const auto padded = static_cast<std::size_t>(blocks() * kBlock);
  const bool stored = keys.type() == NumberType::kInt8;
  if (stored) {
    stored_ = keys.blocks();
  } else {
    codes_.resize(padded * static_cast<std::size_t>(pairs()) * 2);
  }
  scales_.resize(padded);
  squares_.resize(padded);
  residuals_.resize(padded);
  std::vector<float> buffer(static_cast<std::size_t>(cols_));
  double longest = 0;
  for (std::int64_t i = 0; i < rows_; ++i) {
    const float* const from = keys.row(i, buffer.data());
    std::span<const float> key(from, buffer.size());
    if (rotated()) {
      if (from != buffer.data()) std::copy(key.begin(), key.end(), buffer.begin());
      rotate_key(buffer.data(), cols_);
      key = buffer;
    }
    const float scale = stored ? keys.scales()[i] : round(i, key);
    scales_[static_cast<std::size_t>(i)] = scale;
    longest = std::max(longest, measure(i, key, scale));
  }
  longest_ = float_at_least(std::sqrt(longest));
}

float KeyCodes::round(std::int64_t index, std::span<const float> key) {
  const float scale = largest_magnitude(key) / kLargestCode;
  const float inverse = scale > 0 ? 1 / scale : 0;
  std::int8_t* const out =
      codes_.data() + index / kBlock * pairs() * kBlock * 2 + index % kBlock * 2;
  for (std::int64_t c = 0; c < cols_; ++c) {
    const float q = std::clamp(std::nearbyint(key[static_cast<std::size_t>(c)] * inverse),
                               -kLargestCode, kLargestCode);
    out[c / 2 * kBlock * 2 + c % 2] = static_cast<std::int8_t>(q);
  }
  return scale;
}

double KeyCodes::measure(std::int64_t index, std::span<const float> key, float scale) {
  const std::int8_t* const codes = block(index / kBlock) + index % kBlock * 2;
  double square = 0;
  double rest = 0;
  double length = 0;
  for (std::int64_t c = 0; c < cols_; ++c) {
    const auto value = static_cast<double>(key[static_cast<std::size_t>(c)]);
    const std::int8_t number = codes[c / 2 * kBlock * 2 + c % 2];
    const double rounded = static_cast<double>(scale) * static_cast<double>(number);
    square += value * value;
    rest += (value - rounded) * (value - rounded);
    length += rounded * rounded;
  }
  squares_[static_cast<std::size_t>(index)] = static_cast<float>(square);
  residuals_[static_cast<std::size_t>(index)] = float_at_least(std::sqrt(rest));
  return length;
}

std::int64_t KeyCodes::bytes() const noexcept {
  return std::ssize(codes_) +
         static_cast<std::int64_t>(sizeof(float)) *
             (std::ssize(scales_) + std::ssize(squares_) + std::ssize(residuals_));
}

QueryCode::QueryCode(std::span<const float> query) : pairs((query.size() + 1) / 2) {
  // 127 |q| d stays below 2^31.
  const double room = 2147483647.0 / (127.0 * static_cast<double>(query.size()));
  const double largest = std::floor(std::min(32767.0, room));
  step = static_cast<float>(static_cast<double>(largest_magnitude(query)) / std::max(largest, 1.0));
  for (std::size_t c = 0; c < query.size(); ++c) {
    const auto value = static_cast<double>(query[c]);
    const double q =
        step > 0 ? std::clamp(std::nearbyint(value / static_cast<double>(step)), -largest, largest)
                 : 0.0;
    const auto bits = static_cast<std::uint32_t>(static_cast<std::uint16_t>(static_cast<int>(q)));
    pairs[c / 2] = static_cast<std::int32_t>(static_cast<std::uint32_t>(pairs[c / 2]) |
                                             (c % 2 == 0 ? bits : bits << 16));
    const double left = value - static_cast<double>(step) * q;
    square += value * value;
    rest += left * left;
  }
  norm = std::sqrt(square);
  rest = std::sqrt(rest);
}

float squared_distance(const float* a, const float* b, std::int64_t d) {
  constexpr std::int64_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const float difference = a[i + lane] - b[i + lane];
      lanes[static_cast<std::size_t>(lane)] += difference * difference;
    }
  }
  float sum = 0;
  for (; i < d; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  for (const float lane : lanes) sum += lane;
  return std::min(sum, 4.0F);
}

}  // namespace pema::kernels
