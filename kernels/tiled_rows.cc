#include "kernels/tiled_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/half.h"
#include "pema/error.h"

namespace pema::kernels {
namespace {

constexpr float kLargestInt8 = 127;

std::int64_t tiles_of(std::int64_t cols, NumberType type) {
  const std::int64_t width = TiledRows::tile_cols(type);
  return (cols + width - 1) / width;
}

/// What the matrix is made from.
struct Source {
  std::span<const float* const> rows;
  std::span<const float> scale;
  std::int64_t cols = 0;
  NumberType type = NumberType::kFloat32;

  [[nodiscard]] float value(std::int64_t row, std::int64_t col) const {
    const auto i = static_cast<std::size_t>(row);
    const float value = rows[i][col];
    return scale.empty() ? value : scale[i] * value;
  }
  [[nodiscard]] std::int64_t count() const { return std::ssize(rows); }
};

/// The largest magnitude of every row, in which a value that does not fit is looked for.
float largest_of(const Source& source, ThreadPool& pool) {
  std::vector<float> largest(source.rows.size());
  pool.run(source.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      float most = 0;
      for (std::int64_t c = 0; c < source.cols; ++c) {
        const float value = source.value(row, c);
        PEMA_CHECK(fits(value, source.type), kInvalidArgument, "row ", row, " column ", c, " is ",
                   value, ", which is no finite ", to_string(source.type),
                   "; keep these rows in float32");
        most = std::max(most, std::abs(value));
      }
      largest[static_cast<std::size_t>(row)] = most;
    }
  });
  return largest.empty() ? 0.0F : *std::max_element(largest.begin(), largest.end());
}

std::int8_t to_int8(float value, float step) {
  const float q = step > 0 ? std::nearbyint(value / step) : 0.0F;
  return static_cast<std::int8_t>(std::clamp(q, -kLargestInt8, kLargestInt8));
}

/// values [32 or 64] as TiledRows keeps them.
void encode(const float* values, NumberType type, float step, std::byte* piece) {
  const std::int64_t half = TiledRows::tile_cols(type) / 2;
  if (type == NumberType::kFloat32) {
    std::memcpy(piece, values, 128);
    return;
  }
  for (std::int64_t j = 0; j < half; ++j) {
    const float low = values[j];
    const float high = values[half + j];
    if (type == NumberType::kInt8) {
      const auto word = static_cast<std::uint16_t>(
          (to_int8(low, step) + 128) | static_cast<std::uint8_t>(to_int8(high, step)) << 8);
      std::memcpy(piece + 2 * j, &word, 2);
    } else if (type == NumberType::kBFloat16) {
      const std::uint32_t word = to_bfloat16(low) | std::uint32_t{to_bfloat16(high)} << 16;
      std::memcpy(piece + 4 * j, &word, 4);
    } else {
      const std::uint16_t halves[2] = {to_float16(low), to_float16(high)};
      std::memcpy(piece + 2 * j, &halves[0], 2);
      std::memcpy(piece + 2 * (half + j), &halves[1], 2);
    }
  }
}

}  // namespace

std::int64_t TiledRows::bytes(std::int64_t rows, std::int64_t cols, NumberType type) {
  return tiles_of(cols, type) * rows * piece_bytes(type);
}

TiledRows::TiledRows(std::span<const float* const> rows, std::span<const float> scale,
                     std::int64_t cols, NumberType type, ThreadPool& pool)
    : rows_(std::ssize(rows)), cols_(cols), tiles_(tiles_of(cols, type)), type_(type) {
  PEMA_CHECK(scale.empty() || scale.size() == rows.size(), kInvalidArgument,
             "TiledRows: ", rows.size(), " rows but ", scale.size(), " scales");
  PEMA_CHECK(cols >= 0, kInvalidArgument, "TiledRows of ", cols, " columns");
  const Source source{rows, scale, cols, type};
  const float largest = largest_of(source, pool);
  if (type == NumberType::kInt8) step_ = largest / kLargestInt8;
  values_ = allocate_large_pages(bytes());
  const std::int64_t width = tile_cols(type);
  pool.run(tiles_, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      std::byte* piece = values_.get() + t * rows_ * piece_bytes(type);
      const std::int64_t count = std::min(width, cols - t * width);
      for (std::int64_t row = 0; row < rows_; ++row, piece += piece_bytes(type)) {
        float values[64] = {};
        for (std::int64_t c = 0; c < count; ++c) values[c] = source.value(row, t * width + c);
        encode(values, type, step_, piece);
      }
    }
  });
}

}  // namespace pema::kernels
