/// Which lists of an index are nearest to a query.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/key_lists.h"

namespace pema::kernels {

/// R query [d].
[[nodiscard]] std::vector<float> rotated_copy(const float* query, std::int64_t cols);

/// The `count` lists of the least distances [lists], nearest first; of equal ones the lower.
[[nodiscard]] std::vector<std::int32_t> nearest_lists(const std::vector<float>& distance,
                                                      std::int64_t count);

/// Of every list, how many lists have a lesser distance, or an equal one and a lower number.
[[nodiscard]] std::vector<std::int32_t> ranks_of(const std::vector<float>& distance);

}  // namespace pema::kernels
