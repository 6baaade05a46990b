#include "kernels/product_codes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace pema::kernels {
namespace {

using Centroids = std::array<float, ProductSpace::kCentroids>;

/// x [d] rotated, by plain sums: the same on every processor.
std::vector<float> rotated(const ProductSpace& space, const float* x) {
  std::vector<float> y(static_cast<std::size_t>(space.cols));
  for (std::int64_t c = 0; c < space.cols; ++c) {
    const float* const row = space.rotation + c * space.cols;
    for (std::size_t r = 0; r < y.size(); ++r) y[r] += x[c] * row[r];
  }
  return y;
}

std::uint8_t nearest_error(const float* errors, float error) {
  Centroids off{};
  for (std::size_t j = 0; j < off.size(); ++j) off[j] = std::abs(errors[j] - error);
  return static_cast<std::uint8_t>(std::min_element(off.begin(), off.end()) - off.begin());
}

}  // namespace

void encode_product(const ProductSpace& space, const float* key, std::uint8_t* code) {
  std::vector<float> turned;
  if (space.rotation != nullptr) {
    turned = rotated(space, key);
    key = turned.data();
  }
  float error = 0;
  for (std::int64_t p = 0; p < space.parts; ++p) {
    Centroids distances{};
    const std::int64_t last = std::min(space.cols, (p + 1) * space.width);
    for (std::int64_t c = p * space.width; c < last; ++c) {
      const float* const centroids = space.centroids + c * ProductSpace::kCentroids;
      for (std::size_t j = 0; j < distances.size(); ++j) {
        const float difference = key[c] - centroids[j];
        distances[j] += difference * difference;
      }
    }
    const auto* const nearest = std::min_element(distances.begin(), distances.end());
    code[p] = static_cast<std::uint8_t>(nearest - distances.begin());
    error += *nearest;
  }
  if (space.errors != nullptr) code[space.parts] = nearest_error(space.errors, error);
}

void ProductCodes::decode(std::int64_t row, float* key) const {
  std::vector<float> turned(static_cast<std::size_t>(space->cols));
  for (std::int64_t c = 0; c < space->cols; ++c) {
    turned[static_cast<std::size_t>(c)] = space->at(c, code(row, c / space->width));
  }
  if (space->rotation == nullptr) {
    std::copy(turned.begin(), turned.end(), key);
    return;
  }
  for (std::int64_t c = 0; c < space->cols; ++c) {
    const float* const axis = space->rotation + c * space->cols;
    key[c] = std::inner_product(turned.begin(), turned.end(), axis, 0.0F);
  }
}

}  // namespace pema::kernels
