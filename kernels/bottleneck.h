/// A bottleneck on features: x -> latent values z -> weights of the up rows -> delta.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/compose.h"
#include "kernels/parallel.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// For every feature x_b: weights[b][f] = up.weight_f z[up.latent_f], what each up row counts for.
/// x [rows] pointers to [d]; weights [rows, up.entries()]. A row's bits do not depend on the other
/// rows. With a `pool` the rows of the bottleneck are split over it: no bit changes. Throws
/// kInvalidArgument when shapes disagree. Thread-safety: reentrant without a pool.
void gate(const Bottleneck& bottleneck, std::span<const float* const> x, std::int64_t d,
          MatrixView<float> weights, ThreadPool* pool = nullptr);

/// For every feature x_b: delta[b] += sum_f weights[b][f] up.row_f, with `gate`'s weights; delta
/// [rows] pointers to [d]. Otherwise as `gate`.
void bottleneck(const Bottleneck& bottleneck, std::span<const float* const> x, std::int64_t d,
                std::span<float* const> delta, ThreadPool* pool = nullptr);

}  // namespace pema::kernels
