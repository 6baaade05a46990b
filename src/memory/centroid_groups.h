/// Centroids of lists in groups, so that neither learning thousands of them nor finding a near one
/// for millions of keys looks at all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pema/progress.h"
#include "pema/tensor_view.h"

namespace pema::memory {

/// k-means of a sample into about sqrt(lists) groups, then of every group into its share of the
/// lists. Thread-safety: immutable once made.
class CentroidGroups {
 public:
  /// sample [n, d], lists <= n, n at least 1. The same for the same sample. Throws kInterrupted.
  CentroidGroups(MatrixView<const float> sample, std::int64_t lists, Progress* progress);

  /// [lists, d], group after group.
  [[nodiscard]] const Matrix<float>& centroids() const noexcept { return centroids_; }
  /// Of each key [n, d] the nearest of the centroids of its 4 nearest groups [n]; of equal ones the
  /// lower. Thread-safety: reentrant, serial.
  void assign(MatrixView<const float> keys, std::span<std::int32_t> numbers) const;

 private:
  /// Fills groups_; each sample's group.
  std::vector<std::int32_t> split(MatrixView<const float> sample, std::int64_t count);

  Matrix<float> groups_;
  Matrix<float> centroids_;
  std::vector<std::int64_t> start_;  // [groups + 1], in centroids
  std::vector<float> group_halves_;  // |c|^2 / 2
  std::vector<float> centroid_halves_;
};

}  // namespace pema::memory
