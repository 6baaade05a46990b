#include "src/memory/learn_centroids.h"

#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>

#include <algorithm>

#include "src/memory/faiss_turn.h"

namespace pema::memory {
namespace {

using FaissId = decltype(faiss::Index::ntotal);

}  // namespace

Matrix<float> learn_centroids(MatrixView<const float> keys, std::int64_t lists,
                              Progress* progress) {
  const FaissTurn turn;
  constexpr int kRounds = 10;
  checkpoint(progress, "centroids", 0, kRounds, "rounds");
  faiss::ClusteringParameters parameters;
  parameters.niter = kRounds;
  parameters.seed = 1;
  parameters.min_points_per_centroid = 1;        // no warning on standard error
  parameters.max_points_per_centroid = 1 << 30;  // the caller has drawn the sample
  faiss::Clustering clustering(static_cast<int>(keys.cols), static_cast<int>(lists), parameters);
  faiss::IndexFlatL2 assignment(keys.cols);
  clustering.train(keys.rows, keys.data, assignment);
  checkpoint(progress, "centroids", kRounds, kRounds, "rounds");
  Matrix<float> centroids(lists, keys.cols);
  std::copy(clustering.centroids.begin(), clustering.centroids.end(), centroids.data());
  return centroids;
}

std::vector<std::int32_t> nearest_centroids(const Matrix<float>& centroids,
                                            MatrixView<const float> keys) {
  const FaissTurn turn;
  faiss::IndexFlatL2 index(centroids.cols());
  index.add(centroids.rows(), centroids.data());
  std::vector<FaissId> labels(static_cast<std::size_t>(keys.rows));
  std::vector<float> distances(labels.size());
  index.search(keys.rows, keys.data, 1, distances.data(), labels.data());
  return {labels.begin(), labels.end()};
}

}  // namespace pema::memory
