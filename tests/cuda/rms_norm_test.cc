// The norm before the head, in place, against float64.
#include <gtest/gtest.h>

#include "kernels/cuda/ops.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::rms_norm;

class Norm : public OnDevice {};

TEST_P(Norm, IsTheRowOverItsRootMeanSquareTimesTheGain) {
  for (const std::int64_t width : {1, 31, 127, 128, 129, 576}) {
    std::mt19937 random(41);
    const std::int64_t rows = 3;
    Matrix<float> h = random_matrix(random, rows, width, 3.0F);
    std::fill_n(h.row(2), width, 0.0F);  // nothing but eps is left
    const std::vector<float> gain = random_vector(random, width, 0.5F, 1.5F);
    const float eps = 1e-5F;
    DeviceResult device(rows, width, std::vector<float>(h.data(), h.data() + rows * width));
    DeviceArray<const float> gain_device("gain", gain);
    rms_norm({device.get(), gain_device.data(), eps}, nullptr);
    const std::vector<float> out = device.host();
    for (std::int64_t r = 0; r < rows; ++r) {
      double squares = 0;
      for (const float v : h.view().row_span(r)) squares += static_cast<double>(v) * v;
      const double inverse =
          1 / std::sqrt(squares / static_cast<double>(width) + static_cast<double>(eps));
      for (std::int64_t c = 0; c < width; ++c) {
        const double expected = static_cast<double>(h.row(r)[c]) * inverse *
                                static_cast<double>(gain[static_cast<std::size_t>(c)]);
        // Half the error of the sum of squares: width / 128 terms of two roundings in a thread, 5 +
        // 4 sums; then a quotient, a sum, a root, a reciprocal and two products.
        const double terms = static_cast<double>(width) / 128 + 5;
        ASSERT_NEAR(static_cast<double>(out[static_cast<std::size_t>(r * width + c)]), expected,
                    (terms + 8) * kRounding * std::abs(expected))
            << width << " row " << r << " column " << c;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, Norm, orders(), order_name);

}  // namespace
}  // namespace pema::test
