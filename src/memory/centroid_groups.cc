#include "src/memory/centroid_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/head_product.h"
#include "src/memory/learn_centroids.h"

namespace pema::memory {
namespace {

constexpr std::int64_t kNearGroups = 4;
constexpr std::int64_t kKeysAtOnce = 256;

std::vector<float> half_squares(const Matrix<float>& rows) {
  std::vector<float> out;
  for (std::int64_t r = 0; r < rows.rows(); ++r) {
    double sum = 0;
    for (const float v : rows.view().row_span(r)) {
      sum += static_cast<double>(v) * static_cast<double>(v);
    }
    out.push_back(static_cast<float>(sum / 2));
  }
  return out;
}

/// |y - c|^2 / 2 without |y|^2 / 2, of some keys and the centroids [first, last): out [keys, last -
/// first].
class Distances {
 public:
  Distances(const Matrix<float>& centroids, const std::vector<float>& halves)
      : centroids_(centroids), halves_(halves) {}

  const float* of(std::span<const float* const> keys, std::int64_t first, std::int64_t last) {
    const std::int64_t count = last - first;
    values_.resize(keys.size() * static_cast<std::size_t>(count));
    std::vector<float*> out;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      out.push_back(values_.data() + static_cast<std::int64_t>(i) * count);
    }
    kernels::dot_rows({centroids_.row(first), centroids_.cols(), nullptr}, 0, count,
                      centroids_.cols(), keys, out, false);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = halves_[static_cast<std::size_t>(first) + i % static_cast<std::size_t>(count)] -
                   values_[i];
    }
    return values_.data();
  }

 private:
  const Matrix<float>& centroids_;
  const std::vector<float>& halves_;
  std::vector<float> values_;
};

}  // namespace

CentroidGroups::CentroidGroups(MatrixView<const float> sample, std::int64_t lists,
                               Progress* progress) {
  const auto count = std::max<std::int64_t>(
      1, std::llround(std::sqrt(static_cast<double>(lists)) * (lists < 64 ? 0.0 : 1.0)));
  checkpoint(progress, "centroids", 0, count, "groups");
  const std::vector<std::int32_t> group = split(sample, count);
  std::vector<std::vector<std::int64_t>> members(static_cast<std::size_t>(groups_.rows()));
  for (std::size_t i = 0; i < group.size(); ++i) {
    members[static_cast<std::size_t>(group[i])].push_back(static_cast<std::int64_t>(i));
  }
  centroids_ = Matrix<float>(lists, sample.cols);
  Matrix<float> kept(groups_.rows(), sample.cols);
  std::int64_t seen = 0;
  std::int64_t groups = 0;
  start_.push_back(0);
  for (std::size_t g = 0; g < members.size(); ++g) {
    checkpoint(progress, "centroids", static_cast<std::int64_t>(g), groups_.rows(), "groups");
    seen += std::ssize(members[g]);
    // A share of the lists by keys; rounded over all groups, so that it adds up.
    const std::int64_t share = seen * lists / sample.rows - start_.back();
    if (share == 0) continue;
    Matrix<float> some(std::ssize(members[g]), sample.cols);
    for (std::int64_t i = 0; i < some.rows(); ++i) {
      std::copy_n(sample.row(members[g][static_cast<std::size_t>(i)]), sample.cols, some.row(i));
    }
    const Matrix<float> learnt = learn_centroids(some.view(), share, nullptr);
    std::copy_n(learnt.data(), share * sample.cols, centroids_.row(start_.back()));
    std::copy_n(groups_.row(static_cast<std::int64_t>(g)), sample.cols, kept.row(groups++));
    start_.push_back(start_.back() + share);
  }
  groups_ = Matrix<float>(groups, sample.cols);
  std::copy_n(kept.data(), groups * sample.cols, groups_.data());
  group_halves_ = half_squares(groups_);
  centroid_halves_ = half_squares(centroids_);
  checkpoint(progress, "centroids", count, count, "groups");
}

std::vector<std::int32_t> CentroidGroups::split(MatrixView<const float> sample,
                                                std::int64_t count) {
  if (count == 1) {
    groups_ = Matrix<float>(1, sample.cols);
    return std::vector<std::int32_t>(static_cast<std::size_t>(sample.rows));
  }
  groups_ = learn_centroids(sample, count, nullptr);
  return nearest_centroids(groups_, sample);
}

void CentroidGroups::assign(MatrixView<const float> keys, std::span<std::int32_t> numbers) const {
  const std::int64_t groups = groups_.rows();
  const std::int64_t near = std::min(kNearGroups, groups);
  Distances to_groups(groups_, group_halves_);
  Distances to_centroids(centroids_, centroid_halves_);
  for (std::int64_t begin = 0; begin < keys.rows; begin += kKeysAtOnce) {
    const std::int64_t count = std::min(kKeysAtOnce, keys.rows - begin);
    std::vector<const float*> some;
    for (std::int64_t i = 0; i < count; ++i) some.push_back(keys.row(begin + i));
    std::vector<std::vector<std::int32_t>> of_group(static_cast<std::size_t>(groups));
    const float* const distance = to_groups.of(some, 0, groups);
    std::vector<std::int32_t> order(static_cast<std::size_t>(groups));
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::size_t g = 0; g < order.size(); ++g) order[g] = static_cast<std::int32_t>(g);
      const float* const of_key = distance + i * groups;
      std::partial_sort(order.begin(), order.begin() + near, order.end(),
                        [&](std::int32_t a, std::int32_t b) {
                          return of_key[a] != of_key[b] ? of_key[a] < of_key[b] : a < b;
                        });
      for (std::int64_t g = 0; g < near; ++g) {
        of_group[static_cast<std::size_t>(order[static_cast<std::size_t>(g)])].push_back(
            static_cast<std::int32_t>(i));
      }
    }
    std::vector<float> best(static_cast<std::size_t>(count),
                            std::numeric_limits<float>::infinity());
    for (std::size_t g = 0; g < of_group.size(); ++g) {
      if (of_group[g].empty()) continue;
      std::vector<const float*> members;
      for (const std::int32_t i : of_group[g]) members.push_back(some[static_cast<std::size_t>(i)]);
      const std::int64_t first = start_[g];
      const std::int64_t lists = start_[g + 1] - first;
      const float* const values = to_centroids.of(members, first, first + lists);
      for (std::size_t m = 0; m < members.size(); ++m) {
        const auto i = static_cast<std::size_t>(of_group[g][m]);
        const float* const of_key = values + static_cast<std::int64_t>(m) * lists;
        const float* const least = std::min_element(of_key, of_key + lists);
        if (*least < best[i]) {
          best[i] = *least;
          numbers[static_cast<std::size_t>(begin) + i] =
              static_cast<std::int32_t>(first + (least - of_key));
        }
      }
    }
  }
}

}  // namespace pema::memory
