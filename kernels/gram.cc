#include "kernels/gram.h"

#include <algorithm>

namespace pema::kernels {
namespace {

double product(const float* a, const float* b, std::int64_t d) {
  double sum = 0;
  for (std::int64_t c = 0; c < d; ++c) sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return sum;
}

}  // namespace

Matrix<float> gram_matrix(std::span<const float* const> rows, std::int64_t d, ThreadPool& pool) {
  const auto count = std::ssize(rows);
  Matrix<float> gram(count, count);
  // Row i has i + 1 products to make: rows are dealt out in turns, so that threads end together.
  const std::int64_t parts = pool.threads();
  pool.run(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      for (std::int64_t i = part; i < count; i += parts) {
        for (std::int64_t j = 0; j <= i; ++j) {
          gram.row(i)[j] = static_cast<float>(
              product(rows[static_cast<std::size_t>(i)], rows[static_cast<std::size_t>(j)], d));
        }
      }
    }
  });
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = i + 1; j < count; ++j) gram.row(i)[j] = gram.row(j)[i];
  }
  return gram;
}

double gram_square(MatrixView<const float> gram, std::span<const std::int32_t> rows,
                   std::span<const float> weights) {
  double sum = 0;
  for (std::size_t e = 0; e < rows.size(); ++e) {
    const float* row = gram.row(rows[e]);
    double products = 0;  // with the entries before
    for (std::size_t f = 0; f < e; ++f) {
      products += static_cast<double>(weights[f]) * static_cast<double>(row[rows[f]]);
    }
    const auto weight = static_cast<double>(weights[e]);
    sum += weight * (2 * products + weight * static_cast<double>(row[rows[e]]));
  }
  return std::max(sum, 0.0);
}

}  // namespace pema::kernels
