/// Random masks for benches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace pema::bench {

/// `count` different numbers of [0, of), rising.
template <typename Index = std::int64_t>
[[nodiscard]] std::vector<Index> choose(std::mt19937& random, std::int64_t count, std::int64_t of) {
  std::vector<Index> chosen(static_cast<std::size_t>(of));
  std::iota(chosen.begin(), chosen.end(), Index{0});
  std::shuffle(chosen.begin(), chosen.end(), random);
  chosen.resize(static_cast<std::size_t>(count));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace pema::bench
