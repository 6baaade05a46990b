/// Sums of chosen rows of a matrix, each with a weight: composed sides, deltas and projected
/// logits.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/parallel.h"

namespace pema::kernels {

/// One sum: out[c] += sum_e weights[e] * rows[e][c].
struct WeightedRows {
  std::span<const float* const> rows;  ///< [entries], each a pointer to [cols]
  std::span<const float> weights;      ///< [entries]
  float* out = nullptr;                ///< [cols], already holding what is added to
};

/// Adds columns [first, last) of one sum. Entries are added in their order, one fused
/// multiply-add each, so that a column's bits do not depend on `first`, which must be a multiple of
/// 64, or `last`, which must be one or be cols. Unchecked. Thread-safety: reentrant, serial.
void add_weighted_rows(const WeightedRows& sum, std::int64_t first, std::int64_t last);

/// Every sum over [0, cols), split over the columns by `pool`; a strip of columns is finished for
/// all sums before the next one, so that rows which several sums share are read from cache. Throws
/// kInvalidArgument when rows and weights differ in length.
void add_weighted_rows(std::span<const WeightedRows> sums, std::int64_t cols, ThreadPool& pool);

}  // namespace pema::kernels
