#include "kernels/weighted_sum.h"

#include <algorithm>

#include "pema/error.h"

namespace pema::kernels {
namespace {

constexpr std::int64_t kStrip = 512;  // 2 KB of an output row and of each row that is added to it

}  // namespace

void add_weighted_rows(std::span<const WeightedRows> sums, std::int64_t cols, ThreadPool& pool) {
  for (const WeightedRows& sum : sums) {
    PEMA_CHECK(sum.rows.size() == sum.weights.size(), kInvalidArgument,
               "add_weighted_rows: ", sum.rows.size(), " rows but ", sum.weights.size(),
               " weights");
  }
  pool.run(cols, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kStrip) {
      const std::int64_t last = std::min(end, first + kStrip);
      for (const WeightedRows& sum : sums) add_weighted_rows(sum, first, last);
    }
  });
}

}  // namespace pema::kernels
