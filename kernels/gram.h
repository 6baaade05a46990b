/// The length of a sum of chosen rows from the products of the rows: what the norm of the
/// `distribution` form needs where the sum itself is never made (design section 3).
#pragma once

#include <cstdint>
#include <span>

#include "kernels/parallel.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// G [R, R] = <row_i, row_j> of rows [d], summed in float64 and rounded once; symmetric. Split over
/// the rows by `pool`. Thread-safety: reentrant apart from `pool`.
[[nodiscard]] Matrix<float> gram_matrix(std::span<const float* const> rows, std::int64_t d,
                                        ThreadPool& pool);

/// |sum_e weights[e] row_{rows[e]}|^2 = w' G w, in float64, at least 0; rows and weights [entries],
/// rows in [0, R). Unchecked. Error: u sum_ef |w_e w_f G_ef| for G's rounding. Thread-safety:
/// reentrant.
[[nodiscard]] double gram_square(MatrixView<const float> gram, std::span<const std::int32_t> rows,
                                 std::span<const float> weights);

}  // namespace pema::kernels
