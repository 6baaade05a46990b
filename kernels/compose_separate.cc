// Masks over a pool in the separate algebra: every profile's A^ and B^ in two calls.
#include <utility>

#include "kernels/compose.h"
#include "kernels/tiled_rows.h"
#include "kernels/weighted_sum.h"
#include "pema/error.h"

namespace pema::kernels {
namespace {

using Profiles = std::span<const std::span<const SelectedAdapter>>;

std::vector<Composed> empty_results(std::size_t count, std::int64_t rank, std::int64_t d) {
  std::vector<Composed> results;
  for (std::size_t i = 0; i < count; ++i) {
    results.push_back({Matrix<float>(rank, d), Matrix<float>(rank, d),
                       std::vector<float>(static_cast<std::size_t>(rank), 1.0F)});
  }
  return results;
}

/// One side of one profile: what is added up with which weight. A weight of 0 is left out.
template <typename Row>
struct Side {
  std::vector<Row> rows;
  std::vector<float> weights;

  void add(Row row, float weight) {
    if (weight == 0.0F) return;
    rows.push_back(row);
    weights.push_back(weight);
  }
};

/// One side of every profile; `entry` gives an adapter's row and weight.
template <typename Row, typename Entry>
std::vector<Side<Row>> sides_of(Profiles profiles, const Entry& entry) {
  std::vector<Side<Row>> sides(profiles.size());
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    for (const SelectedAdapter& adapter : profiles[i]) {
      const auto [row, weight] = entry(adapter);
      sides[i].add(row, weight);
    }
  }
  return sides;
}

/// The sums of one side into the results' matrices; points into both.
template <typename Sum, typename Row>
std::vector<Sum> sums_into(const std::vector<Side<Row>>& sides, Matrix<float> Composed::*side,
                           std::vector<Composed>& results) {
  std::vector<Sum> sums;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    sums.push_back({sides[i].rows, sides[i].weights, (results[i].*side).data()});
  }
  return sums;
}

}  // namespace

std::vector<Composed> compose_separate(Profiles profiles, std::int64_t rank, std::int64_t d,
                                       ThreadPool& pool) {
  std::vector<Composed> results = empty_results(profiles.size(), rank, d);
  const auto down = sides_of<const float*>(profiles, [](const SelectedAdapter& a) {
    return std::pair{a.down, a.down_weight};
  });
  const auto up = sides_of<const float*>(profiles, [](const SelectedAdapter& a) {
    return std::pair{a.up, a.up_weight};
  });
  add_weighted_rows(sums_into<WeightedRows>(down, &Composed::down, results), rank * d, pool);
  add_weighted_rows(sums_into<WeightedRows>(up, &Composed::up, results), rank * d, pool);
  return results;
}

std::vector<Composed> compose_separate(const TiledPool& tiles, Profiles profiles, std::int64_t rank,
                                       std::int64_t d, ThreadPool& pool) {
  PEMA_ASSERT(tiles.down.cols() == rank * d && tiles.up.cols() == rank * d);
  std::vector<Composed> results = empty_results(profiles.size(), rank, d);
  const auto down = sides_of<std::int32_t>(profiles, [](const SelectedAdapter& a) {
    return std::pair{static_cast<std::int32_t>(a.index), a.down_weight};
  });
  const auto up = sides_of<std::int32_t>(profiles, [](const SelectedAdapter& a) {
    return std::pair{static_cast<std::int32_t>(a.index), a.up_factor};
  });
  sum_tiled_rows(tiles.down, sums_into<TiledSum>(down, &Composed::down, results), pool);
  sum_tiled_rows(tiles.up, sums_into<TiledSum>(up, &Composed::up, results), pool);
  return results;
}

}  // namespace pema::kernels
