#include "kernels/near_lists.h"

#include <algorithm>
#include <numeric>

#include "kernels/key_rotation.h"

namespace pema::kernels {

std::vector<float> rotated_copy(const float* query, std::int64_t cols) {
  std::vector<float> out(query, query + cols);
  rotate_key(out.data(), cols);
  return out;
}

std::vector<std::int32_t> nearest_lists(const std::vector<float>& distance, std::int64_t count) {
  std::vector<std::int32_t> order(distance.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      const float x = distance[static_cast<std::size_t>(a)];
                      const float y = distance[static_cast<std::size_t>(b)];
                      return x != y ? x < y : a < b;
                    });
  order.resize(static_cast<std::size_t>(count));
  return order;
}

std::vector<std::int32_t> ranks_of(const std::vector<float>& distance) {
  const auto order = nearest_lists(distance, std::ssize(distance));
  std::vector<std::int32_t> ranks(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    ranks[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
  }
  return ranks;
}

}  // namespace pema::kernels
