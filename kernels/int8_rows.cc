#include "kernels/int8_rows.h"

#include <algorithm>
#include <cmath>

#include "pema/error.h"

namespace pema::kernels {
namespace {

constexpr float kLargest = 127;
// 127 times a sum of |q| up to this fits an int32.
constexpr double kSumOfWeights = (1 << 24) - 1;
// One sum alone has its sums and the rows of two passes in first-level cache; several share a strip
// of all their rows in the second.
constexpr std::int64_t kStripAlone = 2048;
constexpr std::int64_t kStripShared = 1024;

std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

/// A sum's weights as integers.
struct Quantised {
  std::vector<Int8Pair> pairs;
  float step = 0;
};

Quantised quantise_weights(const Int8Matrix& matrix, const Int8Sum& sum) {
  double largest = 0;
  double total = 0;
  std::vector<double> weights(sum.rows.size());
  for (std::size_t e = 0; e < weights.size(); ++e) {
    const std::int32_t row = sum.rows[e];
    PEMA_CHECK(row >= 0 && row < matrix.rows(), kInvalidArgument, "add_int8_rows: row ", row,
               " is outside the ", matrix.rows(), " of the matrix");
    PEMA_CHECK(std::isfinite(sum.weights[e]), kInvalidArgument, "add_int8_rows: the weight of row ",
               row, " is not finite");
    weights[e] = static_cast<double>(sum.weights[e]) * static_cast<double>(matrix.scale(row));
    largest = std::max(largest, std::abs(weights[e]));
    total += std::abs(weights[e]);
  }
  Quantised quantised;
  // Rounding may add a half to each |q|.
  const double room = kSumOfWeights - static_cast<double>(weights.size()) / 2;
  PEMA_CHECK(room > 0, kInvalidArgument, "add_int8_rows: ", weights.size(), " rows in one sum");
  const double step = std::max(largest / 32767, total / room);
  quantised.step = static_cast<float>(step);
  if (quantised.step == 0.0F) return quantised;
  for (std::size_t e = 0; e < weights.size(); ++e) {
    const auto q = static_cast<std::int16_t>(std::lround(weights[e] / step));
    const std::int8_t* row = matrix.row(sum.rows[e]);
    if (e % 2 == 0) {
      quantised.pairs.push_back({row, row, q, 0});
    } else {
      quantised.pairs.back().second = row;
      quantised.pairs.back().second_weight = q;
    }
  }
  return quantised;
}

}  // namespace

Int8Matrix::Int8Matrix(std::int64_t rows, std::int64_t cols)
    : rows_(rows), cols_(cols), stride_(round_up(cols, kGroup)) {
  PEMA_CHECK(rows >= 0 && cols >= 0, kInvalidArgument, "Int8Matrix [", rows, ", ", cols, "]");
  scales_.resize(static_cast<std::size_t>(rows));
  values_ = allocate_large_pages(rows * stride_);
}

void Int8Matrix::quantise(std::int64_t row, const float* values) {
  float largest = 0;
  for (std::int64_t c = 0; c < cols_; ++c) largest = std::max(largest, std::abs(values[c]));
  const float scale = largest / kLargest;
  scales_[static_cast<std::size_t>(row)] = scale;
  auto* out = reinterpret_cast<std::int8_t*>(values_.get()) + row * stride_;
  for (std::int64_t c = 0; c < cols_; ++c) {
    const float q = scale > 0 ? std::nearbyint(values[c] / scale) : 0.0F;
    out[c] = static_cast<std::int8_t>(std::clamp(q, -kLargest, kLargest));
  }
}

std::int64_t Int8Matrix::bytes() const noexcept {
  return rows_ * stride_ + std::ssize(scales_) * static_cast<std::int64_t>(sizeof(float));
}

void add_int8_rows(const Int8Matrix& matrix, std::span<const Int8Sum> sums, ThreadPool& pool) {
  std::vector<Quantised> quantised;
  quantised.reserve(sums.size());
  for (const Int8Sum& sum : sums) {
    PEMA_CHECK(sum.rows.size() == sum.weights.size(), kInvalidArgument,
               "add_int8_rows: ", sum.rows.size(), " rows but ", sum.weights.size(), " weights");
    quantised.push_back(quantise_weights(matrix, sum));
  }
  const std::int64_t strip = sums.size() == 1 ? kStripAlone : kStripShared;
  pool.run(matrix.cols(), Int8Matrix::kGroup, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int32_t> scratch(static_cast<std::size_t>(strip));
    for (std::int64_t first = begin; first < end; first += strip) {
      const std::int64_t last = std::min(end, first + strip);
      for (std::size_t s = 0; s < sums.size(); ++s) {
        if (quantised[s].pairs.empty()) continue;
        add_int8_pairs(quantised[s].pairs, quantised[s].step, first, last, scratch.data(),
                       sums[s].out);
      }
    }
  });
}

}  // namespace pema::kernels
