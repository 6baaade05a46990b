// Masks over a pool in the separate algebra: every profile's A^ and B^ in two calls.
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

void add_up(const std::vector<Side<const float*>>& sides, std::span<float* const> out,
            std::int64_t cols, ThreadPool& pool) {
  std::vector<WeightedRows> sums;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    sums.push_back({sides[i].rows, sides[i].weights, out[i]});
  }
  add_weighted_rows(sums, cols, pool);
}

void add_up(const TiledRows& tiles, const std::vector<Side<std::int32_t>>& sides,
            std::span<float* const> out, ThreadPool& pool) {
  std::vector<TiledSum> sums;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    sums.push_back({sides[i].rows, sides[i].weights, out[i]});
  }
  sum_tiled_rows(tiles, sums, pool);
}

}  // namespace

std::vector<Composed> compose_separate(Profiles profiles, std::int64_t rank, std::int64_t d,
                                       ThreadPool& pool) {
  std::vector<Composed> results = empty_results(profiles.size(), rank, d);
  std::vector<Side<const float*>> down(profiles.size());
  std::vector<Side<const float*>> up(profiles.size());
  std::vector<float*> down_out;
  std::vector<float*> up_out;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    for (const SelectedAdapter& adapter : profiles[i]) {
      down[i].add(adapter.down, adapter.down_weight);
      up[i].add(adapter.up, adapter.up_weight);
    }
    down_out.push_back(results[i].down.data());
    up_out.push_back(results[i].up.data());
  }
  add_up(down, down_out, rank * d, pool);
  add_up(up, up_out, rank * d, pool);
  return results;
}

std::vector<Composed> compose_separate(const TiledPool& tiles, Profiles profiles, std::int64_t rank,
                                       std::int64_t d, ThreadPool& pool) {
  PEMA_ASSERT(tiles.down.cols() == rank * d && tiles.up.cols() == rank * d);
  std::vector<Composed> results = empty_results(profiles.size(), rank, d);
  std::vector<Side<std::int32_t>> down(profiles.size());
  std::vector<Side<std::int32_t>> up(profiles.size());
  std::vector<float*> down_out;
  std::vector<float*> up_out;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    for (const SelectedAdapter& adapter : profiles[i]) {
      const auto row = static_cast<std::int32_t>(adapter.index);
      down[i].add(row, adapter.down_weight);
      up[i].add(row, adapter.up_factor);
    }
    down_out.push_back(results[i].down.data());
    up_out.push_back(results[i].up.data());
  }
  add_up(tiles.down, down, down_out, pool);
  add_up(tiles.up, up, up_out, pool);
  return results;
}

}  // namespace pema::kernels
