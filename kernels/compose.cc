#include "kernels/compose.h"

#include <algorithm>

namespace pema::kernels {
namespace {

void append(BottleneckSide& side, const float* row, float weight, std::int64_t latent) {
  side.rows.push_back(row);
  side.weights.push_back(weight);
  side.latents.push_back(static_cast<std::int32_t>(latent));
}

}  // namespace

void append_mixture(std::span<const SelectedAdapter> selected, std::int64_t rank, std::int64_t d,
                    std::int64_t up_stride, Bottleneck& bottleneck) {
  for (const SelectedAdapter& adapter : selected) {
    if (adapter.up_weight == 0.0F) continue;
    for (std::int64_t p = 0; p < rank; ++p) {
      append(bottleneck.down, adapter.down + p * d, 1.0F, bottleneck.latents);
      append(bottleneck.up, adapter.up + p * up_stride, adapter.up_weight, bottleneck.latents);
      ++bottleneck.latents;
    }
  }
}

void append_separate(std::span<const SelectedAdapter> selected, std::int64_t rank, std::int64_t d,
                     Bottleneck& bottleneck) {
  for (const SelectedAdapter& adapter : selected) {
    for (std::int64_t p = 0; p < rank; ++p) {
      const std::int64_t latent = bottleneck.latents + p;
      if (adapter.down_weight != 0.0F) {
        append(bottleneck.down, adapter.down + p * d, adapter.down_weight, latent);
      }
      if (adapter.up_weight != 0.0F) {
        append(bottleneck.up, adapter.up + p * d, adapter.up_weight, latent);
      }
    }
  }
  bottleneck.latents += rank;
}

void append_composed(MatrixView<const float> down, MatrixView<const float> up,
                     std::span<const float> up_weights, Bottleneck& bottleneck) {
  PEMA_ASSERT(down.rows == up.rows && up.rows == static_cast<std::int64_t>(up_weights.size()));
  for (std::int64_t q = 0; q < down.rows; ++q) {
    append(bottleneck.down, down.row(q), 1.0F, bottleneck.latents);
    append(bottleneck.up, up.row(q), up_weights[static_cast<std::size_t>(q)], bottleneck.latents);
    ++bottleneck.latents;
  }
}

std::int64_t Composed::bytes() const noexcept {
  const std::int64_t floats = down.rows() * down.cols() + up.rows() * up.cols() +
                              static_cast<std::int64_t>(up_weights.size());
  return floats * static_cast<std::int64_t>(sizeof(float));
}

Composed compose_mixture(std::span<const SelectedAdapter> selected, std::int64_t rank,
                         std::int64_t d) {
  const std::int64_t kept =
      std::count_if(selected.begin(), selected.end(),
                    [](const SelectedAdapter& adapter) { return adapter.up_weight != 0.0F; });
  Composed composed{Matrix<float>(kept * rank, d), Matrix<float>(kept * rank, d), {}};
  std::int64_t q = 0;
  for (const SelectedAdapter& adapter : selected) {
    if (adapter.up_weight == 0.0F) continue;
    std::copy(adapter.down, adapter.down + rank * d, composed.down.row(q));
    std::copy(adapter.up, adapter.up + rank * d, composed.up.row(q));
    composed.up_weights.insert(composed.up_weights.end(), static_cast<std::size_t>(rank),
                               adapter.up_weight);
    q += rank;
  }
  return composed;
}

}  // namespace pema::kernels
