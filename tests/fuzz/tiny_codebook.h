/// The codebook that the product-quantised seed of the corpora was made with.
#pragma once

#include <memory>
#include <vector>

#include "pema/codebook.h"

namespace pema::fuzz {

/// Width 3 in 2 parts, of the model "fuzz" at pre_norm.
[[nodiscard]] inline std::shared_ptr<const Codebook> codebook() {
  static const std::shared_ptr<const Codebook> made = [] {
    std::vector<float> centroids;
    for (int i = 0; i < 3 * 256; ++i) {
      centroids.push_back(static_cast<float>(i % 101 - 50) / 64.0F);
    }
    return Codebook::make({sha256("fuzz"), FeatureSite::kPreNorm, 3, 2}, {centroids});
  }();
  return made;
}

}  // namespace pema::fuzz
