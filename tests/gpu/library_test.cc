// cuSPARSE and cuBLAS behind the ops, against float64 and beside the kernels. Only on a GPU.
#include <gtest/gtest.h>

#include "kernels/cuda/library.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::DeviceDenseProject;
using kernels::cuda::DeviceProject;
using kernels::cuda::head_product;
using kernels::cuda::kProductWorkspace;
using kernels::cuda::Libraries;
using kernels::cuda::project;
using kernels::cuda::project_workspace;

class Library : public OnDevice {};

TEST_P(Library, SparseFormsMatchFloat64) {
  Libraries libraries;
  for (const std::int64_t cols : {1, 5, 512, 1031}) {
    for (const bool add : {false, true}) {
      std::mt19937 random(71);
      const DeviceMatrix up(random, Element::kFloat32, 129, cols);
      const Selection s = random_selection(random, 9, 129);
      const std::vector<float> start = random_vector(random, 9 * cols, -1, 1);
      auto device = up.upload("up");
      DeviceSelection csr(s);
      DeviceResult result(9, cols, start);
      DeviceProject op{up.rows_on(device), csr.get(), result.get(), add, {}};
      DeviceWorkspace workspace(project_workspace(op, libraries));
      op.workspace = workspace.get();
      project(op, libraries, nullptr);
      const std::vector<float> out = result.host();
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t p = i / static_cast<std::size_t>(cols);
        double expected = add ? static_cast<double>(start[i]) : 0.0;
        double magnitude = std::abs(expected);
        for (std::size_t e = 0; e < s.rows[p].size(); ++e) {
          const double term = static_cast<double>(s.weights[p][e]) *
                              up.at(s.rows[p][e], static_cast<std::int64_t>(i) % cols);
          expected += term;
          magnitude += std::abs(term);
        }
        // Whatever the order of the sums, two roundings per term.
        const double terms = static_cast<double>(s.rows[p].size()) + 1;
        ASSERT_NEAR(static_cast<double>(out[i]), expected, 2 * terms * kRounding * magnitude) << i;
      }
    }
  }
}

TEST_P(Library, DenseFormsMatchFloat64) {
  Libraries libraries;
  for (const Element type : {Element::kFloat32, Element::kFloat16, Element::kBfloat16}) {
    for (const bool with_workspace : {false, true}) {
      std::mt19937 random(72);
      const std::int64_t rows = 3;
      const std::int64_t inner = 67;
      const std::int64_t cols = 129;
      const DeviceMatrix x(random, type, rows, inner);
      const DeviceMatrix head(random, type, cols, inner);
      const DeviceMatrix up(random, type, inner, cols);
      auto x_device = x.upload("x");
      auto head_device = head.upload("head");
      auto up_device = up.upload("up");
      DeviceWorkspace workspace(with_workspace ? kProductWorkspace : 0);
      DeviceResult logits(rows, cols);
      DeviceResult projected(rows, cols);
      head_product(
          {head.rows_on(head_device), x.rows_on(x_device), logits.get(), false, workspace.get()},
          libraries, nullptr);
      project(DeviceDenseProject{x.rows_on(x_device), up.rows_on(up_device), projected.get(), false,
                                 workspace.get()},
              libraries, nullptr);
      const std::vector<float> a = logits.host();
      const std::vector<float> b = projected.host();
      for (std::int64_t i = 0; i < rows * cols; ++i) {
        double first = 0;
        double second = 0;
        double magnitude = 0;
        for (std::int64_t k = 0; k < inner; ++k) {
          const double u = x.at(i / cols, k) * head.at(i % cols, k);
          const double v = x.at(i / cols, k) * up.at(k, i % cols);
          first += u;
          second += v;
          magnitude += std::abs(u) + std::abs(v);
        }
        const double bound = 2 * static_cast<double>(inner) * kRounding * magnitude;
        ASSERT_NEAR(static_cast<double>(a[static_cast<std::size_t>(i)]), first, bound);
        ASSERT_NEAR(static_cast<double>(b[static_cast<std::size_t>(i)]), second, bound);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, Library, orders(), order_name);

}  // namespace
}  // namespace pema::test
