#include "kernels/bottleneck.h"

#include <algorithm>
#include <vector>

#include "kernels/head_product.h"
#include "kernels/weighted_sum.h"
#include "pema/error.h"

namespace pema::kernels {
namespace {

template <typename Body>
void split(ThreadPool* pool, std::int64_t count, std::int64_t grain, const Body& body) {
  if (pool == nullptr) return body(0, count);
  pool->run(count, grain, body);
}

}  // namespace

void gate(const Bottleneck& bottleneck, std::span<const float* const> x, std::int64_t d,
          MatrixView<float> weights, ThreadPool* pool) {
  const auto rows = static_cast<std::int64_t>(x.size());
  const BottleneckSide& down = bottleneck.down;
  const BottleneckSide& up = bottleneck.up;
  PEMA_CHECK(weights.rows == rows && weights.cols == up.entries(), kInvalidArgument,
             "gate: weights [", weights.rows, ", ", weights.cols, "] for ", rows, " rows and ",
             up.entries(), " up rows");
  Matrix<float> products(rows, down.entries());
  std::vector<float*> outputs(x.size());
  for (std::int64_t b = 0; b < rows; ++b) outputs[static_cast<std::size_t>(b)] = products.row(b);
  split(pool, down.entries(), 64, [&](std::int64_t begin, std::int64_t end) {
    dot_rows(RowSource{nullptr, 0, down.rows.data()}, begin, end, d, x, outputs, false);
  });
  std::vector<double> z(static_cast<std::size_t>(bottleneck.latents));
  for (std::int64_t b = 0; b < rows; ++b) {
    std::fill(z.begin(), z.end(), 0.0);
    for (std::size_t e = 0; e < down.rows.size(); ++e) {
      z[static_cast<std::size_t>(down.latents[e])] +=
          static_cast<double>(down.weights[e]) * static_cast<double>(products.row(b)[e]);
    }
    for (std::size_t f = 0; f < up.rows.size(); ++f) {
      weights.row(b)[f] = static_cast<float>(static_cast<double>(up.weights[f]) *
                                             z[static_cast<std::size_t>(up.latents[f])]);
    }
  }
}

void bottleneck(const Bottleneck& bottleneck, std::span<const float* const> x, std::int64_t d,
                std::span<float* const> delta, ThreadPool* pool) {
  PEMA_CHECK(x.size() == delta.size(), kInvalidArgument, "bottleneck: ", x.size(),
             " input rows but ", delta.size(), " output rows");
  Matrix<float> weights(static_cast<std::int64_t>(x.size()), bottleneck.up.entries());
  gate(bottleneck, x, d, weights.view(), pool);
  split(pool, d, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t b = 0; b < x.size(); ++b) {
      const auto row = static_cast<std::int64_t>(b);
      add_weighted_rows({bottleneck.up.rows, weights.view().row_span(row), delta[b]}, begin, end);
    }
  });
}

}  // namespace pema::kernels
