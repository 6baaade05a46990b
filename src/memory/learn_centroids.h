/// Centroids of keys: FAISS's k-means, seen by this file's source alone.
#pragma once

#include <cstdint>
#include <vector>

#include "pema/progress.h"
#include "pema/tensor_view.h"

namespace pema::memory {

/// `lists` centroids [lists, d] of keys [n, d], lists <= n; the same for the same keys. One OpenMP
/// thread. Throws kInterrupted.
[[nodiscard]] Matrix<float> learn_centroids(MatrixView<const float> keys, std::int64_t lists,
                                            Progress* progress);

/// Of each key the number of the nearest centroid [n].
[[nodiscard]] std::vector<std::int32_t> nearest_centroids(const Matrix<float>& centroids,
                                                          MatrixView<const float> keys);

}  // namespace pema::memory
