#include "kernels/head_product.h"

#include <vector>

#include "pema/error.h"

namespace pema::kernels {

void head_product(MatrixView<const float> weight, std::span<const float* const> x,
                  std::span<float* const> out, bool accumulate, ThreadPool& pool) {
  PEMA_CHECK(x.size() == out.size(), kInvalidArgument, "head_product: ", x.size(),
             " input rows but ", out.size(), " output rows");
  if (x.empty()) return;
  const RowSource source{weight.data, weight.stride, nullptr};
  // Whole cache lines of every output row belong to one thread.
  pool.run(weight.rows, 16, [&](std::int64_t begin, std::int64_t end) {
    dot_rows(source, begin, end, weight.cols, x, out, accumulate);
  });
}

void head_product(MatrixView<const float> weight, MatrixView<const float> x, MatrixView<float> out,
                  bool accumulate, ThreadPool& pool) {
  PEMA_CHECK(x.cols == weight.cols && x.rows == out.rows && out.cols == weight.rows,
             kInvalidArgument, "head_product: W [", weight.rows, ", ", weight.cols, "] times x [",
             x.rows, ", ", x.cols, "] does not give [", out.rows, ", ", out.cols, "]");
  std::vector<const float*> inputs(static_cast<std::size_t>(x.rows));
  std::vector<float*> outputs(static_cast<std::size_t>(x.rows));
  for (std::int64_t row = 0; row < x.rows; ++row) {
    inputs[static_cast<std::size_t>(row)] = x.row(row);
    outputs[static_cast<std::size_t>(row)] = out.row(row);
  }
  head_product(weight, inputs, outputs, accumulate, pool);
}

}  // namespace pema::kernels
