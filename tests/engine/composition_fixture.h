/// A pool in the separate algebra that is large enough to be composed from a copy of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "pema/engine.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {

inline constexpr std::int64_t kMany = 45;  // adapters; more than are summed row by row

/// `kMany` adapters in blocks of 20 and 25. On a grid, every number is a multiple of 2^-7 below 1
/// that all types hold exactly, and 127 of 128 occurs on both sides.
[[nodiscard]] inline std::shared_ptr<const Pool> large_pool(const TinyModel& model, bool grid,
                                                            bool equal_scales = true) {
  std::mt19937 random(5);
  PoolInfo info;
  info.model = model.info.fingerprint;
  info.algebra = Algebra::kSeparate;
  info.mask_scale = 0.1;
  std::vector<std::shared_ptr<const AdapterBlock>> blocks;
  for (const std::int64_t count : {std::int64_t{20}, kMany - 20}) {
    Matrix<float> sides[2];
    for (Matrix<float>& side : sides) {
      side = random_matrix(random, count * kRank, kHidden, 0.2F);
      if (grid) {
        for (std::int64_t i = 0; i < side.rows() * side.cols(); ++i) {
          const float steps = std::nearbyint(side.data()[i] * 128);
          side.data()[i] = std::min(127.0F, std::max(-127.0F, steps)) / 128;
        }
        side.data()[5] = 127.0F / 128;
      }
    }
    std::vector<float> scale(static_cast<std::size_t>(count), 0.5F);
    if (!equal_scales) scale = random_vector(random, count, 0.5F, 1.5F);
    blocks.push_back(AdapterBlock::make(count, kRank, sides[0].view(), sides[1].view(), scale));
  }
  return std::make_shared<const Pool>(info, nullptr, std::move(blocks));
}

[[nodiscard]] inline std::vector<const Lease*> pointers(const std::vector<Lease>& leases) {
  std::vector<const Lease*> rows;
  for (const Lease& lease : leases) rows.push_back(&lease);
  return rows;
}

}  // namespace pema::test
