#include "src/memory/learn_rotation.h"

#include <faiss/VectorTransform.h>

#include <algorithm>
#include <cmath>

#include "kernels/key_rotation.h"
#include "src/memory/faiss_turn.h"

namespace pema::memory {
namespace {

/// Which part takes each component, the largest variance first: of those with room left the one
/// whose product of variances is least.
std::vector<std::int64_t> deal_out(const std::vector<float>& variances, std::int64_t parts) {
  const std::int64_t d = std::ssize(variances);
  const std::int64_t width = (d + parts - 1) / parts;
  std::vector<double> logarithms(static_cast<std::size_t>(parts));
  std::vector<std::int64_t> taken(static_cast<std::size_t>(parts));
  std::vector<std::int64_t> places;
  for (const float variance : variances) {
    std::int64_t best = -1;
    for (std::int64_t p = 0; p < parts; ++p) {
      if (taken[static_cast<std::size_t>(p)] == std::min(width, d - p * width)) continue;
      if (best < 0 ||
          logarithms[static_cast<std::size_t>(p)] < logarithms[static_cast<std::size_t>(best)]) {
        best = p;
      }
    }
    places.push_back(best * width + taken[static_cast<std::size_t>(best)]++);
    logarithms[static_cast<std::size_t>(best)] +=
        std::log(std::max(static_cast<double>(variance), 1e-12));
  }
  return places;
}

}  // namespace

Matrix<float> learn_rotation(const Matrix<float>& rows, std::int64_t parts) {
  const std::int64_t d = rows.cols();
  Matrix<float> rotation(d, d);
  if (rows.rows() < 2 * d) {
    for (std::int64_t c = 0; c < d; ++c) {
      std::vector<float> axis(static_cast<std::size_t>(d));
      axis[static_cast<std::size_t>(c)] = 1;
      kernels::rotate_key(axis.data(), d);
      for (std::int64_t r = 0; r < d; ++r) rotation.row(r)[c] = axis[static_cast<std::size_t>(r)];
    }
    return rotation;
  }
  const FaissTurn turn;
  faiss::PCAMatrix analysis(static_cast<int>(d), static_cast<int>(d));
  analysis.train(rows.rows(), rows.data());
  const std::vector<std::int64_t> places = deal_out(analysis.eigenvalues, parts);
  for (std::int64_t c = 0; c < d; ++c) {
    std::copy_n(analysis.PCAMat.begin() + c * d, d,
                rotation.row(places[static_cast<std::size_t>(c)]));
  }
  return rotation;
}

}  // namespace pema::memory
