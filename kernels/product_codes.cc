#include "kernels/product_codes.h"

#include <algorithm>
#include <array>

namespace pema::kernels {

void encode_product(const ProductSpace& space, const float* key, std::uint8_t* code) {
  for (std::int64_t p = 0; p < space.parts; ++p) {
    std::array<float, ProductSpace::kCentroids> distances{};
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
  }
}

void ProductCodes::decode(std::int64_t row, float* key) const noexcept {
  for (std::int64_t c = 0; c < space->cols; ++c) {
    key[c] = space->at(c, code(row, c / space->width));
  }
}

}  // namespace pema::kernels
