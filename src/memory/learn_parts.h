/// Centroids of the parts of vectors: FAISS's k-means, seen by learn_codebook.cc alone.
#pragma once

#include <cstdint>
#include <vector>

#include "pema/codebook.h"
#include "pema/tensor_view.h"

namespace pema::memory {

/// 256 centroids of each of `parts` parts of the rows [n, d], n at least 256, as Codebook::make
/// takes them [d, 256]; every number in [-1, 1]. The same for the same rows. Throws kInterrupted.
[[nodiscard]] std::vector<float> learn_parts(const Matrix<float>& rows, std::int64_t parts,
                                             const CodebookOptions& options, Progress* progress);

/// R rows [n, d], R [d, d].
[[nodiscard]] Matrix<float> rotated_rows(const Matrix<float>& rotation, const Matrix<float>& rows);

}  // namespace pema::memory
