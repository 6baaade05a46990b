// The likeliest words of a row against sorting it: ties, NaN, infinities, short rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "kernels/cuda/ops.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::top_k;

constexpr float kInf = std::numeric_limits<float>::infinity();

class TopK : public OnDevice {};

TEST_P(TopK, IsTheHeadOfTheSortedRow) {
  struct Case {
    std::int64_t cols, count;
  };
  // Around a warp, the 8 warps of a block, and fewer words than are asked for.
  for (const Case& c : {Case{1, 1}, Case{5, 32}, Case{31, 7}, Case{32, 32}, Case{33, 31},
                        Case{255, 5}, Case{256, 32}, Case{257, 1}, Case{4099, 32}}) {
    std::mt19937 random(81);
    const std::int64_t rows = 4;
    Matrix<float> values = random_matrix(random, rows, c.cols, 3.0F);
    for (std::int64_t i = 0; i < c.cols; ++i) {
      values.row(1)[i] = static_cast<float>(random() % 5) - 2.0F;  // ties, zeros of one sign
      values.row(2)[i] = std::nanf("");                            // a bad row
      if (random() % 3 == 0) values.row(3)[i] = i % 2 == 0 ? -kInf : std::nanf("");
    }
    DeviceResult logits(rows, c.cols,
                        std::vector<float>(values.data(), values.data() + rows * c.cols));
    DeviceArray<std::int32_t> index("index", rows * c.count);
    DeviceArray<float> value("value", rows * c.count);
    top_k({logits.as_rows(), c.count, index.data(), value.data()}, nullptr);
    const std::vector<std::int32_t> indices = index.host();
    const std::vector<float> found = value.host();
    for (std::int64_t r = 0; r < rows; ++r) {
      std::vector<std::int32_t> order;
      for (std::int32_t i = 0; i < c.cols; ++i) {
        if (!std::isnan(values.row(r)[i])) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return values.row(r)[a] > values.row(r)[b];
      });
      for (std::int64_t k = 0; k < c.count; ++k) {
        const auto at = static_cast<std::size_t>(r * c.count + k);
        const bool there = k < std::ssize(order);
        const std::int32_t expected = there ? order[static_cast<std::size_t>(k)] : -1;
        ASSERT_EQ(indices[at], expected) << c.cols << " words, row " << r << " place " << k;
        ASSERT_EQ(found[at], there ? values.row(r)[expected] : -kInf);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, TopK, orders(), order_name);

}  // namespace
}  // namespace pema::test
