/// Batches in host memory, before the walk.
#pragma once

#include <cstdint>

#include "pema/engine.h"

namespace pema::engine {

/// Whether two matrices share memory.
[[nodiscard]] bool overlap(MatrixView<const float> a, MatrixView<const float> b);

/// The batch with features in float32, which lie in `wide` where they were given in 16 bits. Throws
/// kInvalidArgument when both are given, or half_type is not of 16 bits.
[[nodiscard]] Batch widened(const Batch& batch, Matrix<float>& wide);

/// Rows [first, first + rows) of a batch.
[[nodiscard]] Batch slice(const Batch& batch, std::int64_t first, std::int64_t rows);

}  // namespace pema::engine
