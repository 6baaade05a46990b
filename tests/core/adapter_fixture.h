/// Small random adapter blocks for the tests of blocks and pools.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "pema/adapter.h"

namespace pema::test {

/// The parts of a block, before it is made: down, up [count*rank, hidden], scale [count].
struct BlockParts {
  std::int64_t count;
  std::int64_t rank;
  Matrix<float> down;
  Matrix<float> up;
  std::vector<float> scale;

  BlockParts(std::int64_t count_in, std::int64_t rank_in, std::int64_t hidden, unsigned seed)
      : count(count_in), rank(rank_in), down(count * rank, hidden), up(count * rank, hidden) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (std::int64_t i = 0; i < down.rows() * hidden; ++i) down.data()[i] = normal(random);
    for (std::int64_t i = 0; i < up.rows() * hidden; ++i) up.data()[i] = normal(random);
    for (std::int64_t i = 0; i < count; ++i) scale.push_back(normal(random));
  }
  /// The block. Throws what AdapterBlock::make throws.
  [[nodiscard]] std::shared_ptr<const AdapterBlock> make() const {
    return AdapterBlock::make(count, rank, down.view(), up.view(), scale);
  }
};

/// A random block.
[[nodiscard]] inline std::shared_ptr<const AdapterBlock> random_block(std::int64_t count,
                                                                      std::int64_t rank,
                                                                      std::int64_t hidden,
                                                                      unsigned seed = 1) {
  return BlockParts(count, rank, hidden, seed).make();
}

}  // namespace pema::test
