/// FAISS as the bench of the memory uses it: one OpenMP thread in each of ours, a selector a row.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/memory/collection.h"
#include "kernels/parallel.h"

namespace pema::bench {

/// Distances of the k nearest of each row, nearest first; fewer where FAISS found fewer.
using Found = std::vector<std::vector<float>>;

/// Everything of FAISS over one collection. Thread-safety: one thread at a time.
class FaissPeers {
 public:
  /// Copies the keys. With a `graph_path` the HNSW graph is read from there, or built (M 32,
  /// efConstruction 40, on all threads, with progress) and written.
  FaissPeers(const Collection& collection, const std::string& graph_path);
  ~FaissPeers();
  FaissPeers(const FaissPeers&) = delete;
  FaissPeers& operator=(const FaissPeers&) = delete;

  [[nodiscard]] bool holds(const Collection& collection) const;
  /// The selectors of a call's rows, made before the time is taken.
  void select(const Collection& collection, std::span<const Asker> askers);
  /// IndexFlatL2 with IDSelectorBitmap.
  [[nodiscard]] Found flat(std::span<const Asker> askers, std::int64_t k,
                           kernels::ThreadPool& pool);
  /// IndexFlatL2 in one call without a selector, through BLAS; right only where all is visible.
  [[nodiscard]] Found flat_batch(std::span<const Asker> askers, std::int64_t k, int threads);
  /// knn_L2sqr_by_idx: no index, FAISS's own scan of a list of ids.
  [[nodiscard]] Found by_ids(std::span<const Asker> askers, std::int64_t k,
                             kernels::ThreadPool& pool);
  /// IndexHNSWFlat with SearchParametersHNSW and IDSelectorBitmap.
  [[nodiscard]] Found hnsw(std::span<const Asker> askers, std::int64_t k, int ef,
                           kernels::ThreadPool& pool);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema::bench
