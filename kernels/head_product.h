/// Dot products of many rows with many vectors: logits = W x, and z = A x.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/parallel.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// Where the rows W_v [d] of a matrix lie: one block (base and stride) or one pointer per row.
struct RowSource {
  const float* base = nullptr;
  std::int64_t stride = 0;                 ///< elements between rows; used with base
  const float* const* pointers = nullptr;  ///< [rows]; used when base is null

  [[nodiscard]] const float* row(std::int64_t index) const noexcept {
    return base != nullptr ? base + index * stride : pointers[index];
  }
};

/// out[b][v] = <W_v, x_b>, or out[b][v] += <W_v, x_b> when `accumulate`, for every v in
/// [first, last) and every b. x [rows] pointers to [d], out [rows] pointers to at least `last`
/// values. The sum over d runs in one fixed order, so a value's bits depend on W_v, x_b and the
/// processor's vector width, and on nothing else. Unchecked. Thread-safety: reentrant, serial.
void dot_rows(const RowSource& weights, std::int64_t first, std::int64_t last, std::int64_t d,
              std::span<const float* const> x, std::span<float* const> out, bool accumulate);

/// The same for every row of `weight` [V, d], split over V by `pool`. x and out are [rows] pointers
/// to [d] and [V] values. Bits as in dot_rows, whatever the number of threads. Throws
/// kInvalidArgument when x and out differ in length.
void head_product(MatrixView<const float> weight, std::span<const float* const> x,
                  std::span<float* const> out, bool accumulate, ThreadPool& pool);

/// The same from matrices: x [rows, d], out [rows, V]. Throws kInvalidArgument on shapes that
/// disagree.
void head_product(MatrixView<const float> weight, MatrixView<const float> x, MatrixView<float> out,
                  bool accumulate, ThreadPool& pool);

}  // namespace pema::kernels
