/// Masks and adapters -> a bottleneck: lists of down rows and up rows that act on a feature.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/tiled_rows.h"
#include "pema/adapter.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// One side of a bottleneck: entry e is a row [d] (or, projected, [V]) that belongs to a latent
/// value.
struct BottleneckSide {
  std::vector<const float*> rows;
  std::vector<float> weights;
  std::vector<std::int32_t> latents;

  [[nodiscard]] std::int64_t entries() const noexcept {
    return static_cast<std::int64_t>(rows.size());
  }
};

/// delta(x) = sum_f up.weight_f z[up.latent_f] up.row_f with
/// z[h] = sum_{e: down.latent_e = h} down.weight_e <down.row_e, x>.
/// Points into adapters or composed matrices; whoever made it keeps them alive.
struct Bottleneck {
  BottleneckSide down;
  BottleneckSide up;
  std::int64_t latents = 0;
};

/// One selected adapter: where its rows lie and what it weighs. A side with weight 0 is left out.
struct SelectedAdapter {
  std::int64_t index = 0;       ///< its number in the pool
  const float* down = nullptr;  ///< A [r, d], contiguous
  const float* up = nullptr;    ///< B^T [r, d], contiguous
  float down_weight = 0;        ///< separate algebra: c m_A; mixture: 1 where the mask selects
  float up_weight = 0;          ///< separate algebra: c m_B s; mixture: m s
  float up_factor = 0;          ///< up_weight without the adapter's scale s
};

/// Appends selected adapters in `mixture` algebra: r latents per adapter, nothing is copied.
/// `up_stride` is the length of an up row (d, or V for projected ones).
void append_mixture(std::span<const SelectedAdapter> selected, std::int64_t rank, std::int64_t d,
                    std::int64_t up_stride, Bottleneck& bottleneck);

/// Appends selected adapters in `separate` algebra without composing them: r latents in all.
void append_separate(std::span<const SelectedAdapter> selected, std::int64_t rank, std::int64_t d,
                     Bottleneck& bottleneck);

/// Appends a composed pair of sides, down [q, d] and up [q, d], with up weights [q]: q latents.
void append_composed(MatrixView<const float> down, MatrixView<const float> up,
                     std::span<const float> up_weights, Bottleneck& bottleneck);

/// A composed bottleneck, owned. Thread-safety: immutable once made.
struct Composed {
  Matrix<float> down;             ///< [q, d]
  Matrix<float> up;               ///< B^T [q, d]
  std::vector<float> up_weights;  ///< [q]

  [[nodiscard]] std::int64_t bytes() const noexcept;
};

/// The adapters of one pool for composing many at once: row i is A_i, or B_i^T times its scale,
/// [r d]. In int8 each side has one grid. Moved, not copied. Thread-safety: immutable once made.
struct TiledPool {
  TiledRows down;
  TiledRows up;

  [[nodiscard]] std::int64_t bytes() const noexcept { return down.bytes() + up.bytes(); }
};

/// Up to so many adapters, float32 sums over the few rows as they lie are faster than over their
/// pieces in every tile: docs/decisions/0004-cpu-kernels.md.
inline constexpr std::size_t kFewAdapters = 24;

/// separate: A^ = sum down_weight A, B^ = sum up_weight B, q = r, of each profile's selection, from
/// the adapters as they lie. Sums run in the given order. A profile's bits do not depend on the
/// others or the threads.
[[nodiscard]] std::vector<Composed> compose_separate(
    std::span<const std::span<const SelectedAdapter>> profiles, std::int64_t rank, std::int64_t d,
    ThreadPool& pool);

/// The same from tiles, by SelectedAdapter::index and up_factor; `tiles` has rows of rank * d.
/// Sums as in kernels/tiled_rows.h.
[[nodiscard]] std::vector<Composed> compose_separate(
    const TiledPool& tiles, std::span<const std::span<const SelectedAdapter>> profiles,
    std::int64_t rank, std::int64_t d, ThreadPool& pool);

/// mixture: the selected rows next to each other (`cat`), q = selected * r; exact, the bits of
/// append_mixture.
[[nodiscard]] Composed compose_mixture(std::span<const SelectedAdapter> selected, std::int64_t rank,
                                       std::int64_t d);

}  // namespace pema::kernels
