/// What `measure_costs` times: the engine's kernels at a model's sizes, each run with the amounts
/// of every cost in it.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "kernels/compose.h"
#include "kernels/half_rows.h"
#include "kernels/int8_rows.h"
#include "kernels/parallel.h"
#include "pema/planner.h"

namespace pema::engine {

/// One measurement: what it runs, and how much of each of its costs that is.
struct Point {
  std::vector<double MachineCosts::*> costs;
  std::vector<double> amounts;  ///< [costs]
  std::function<void()> run;
  std::vector<double> seconds{};  ///< of each round
};

/// Everything that is measured with: random values over a pool of `adapters` adapters of rank 1,
/// its U in each type, masks that choose three tenths of it. Thread-safety: one thread.
class Measurements {
 public:
  /// `head` must outlive it. Sizes are the model's and the options'. Throws as ThreadPool.
  Measurements(const ModelInfo& model, const Head& head, const MeasureOptions& options);

  /// Each runs on this object, which must stay where it is.
  [[nodiscard]] std::vector<Point> points();

 private:
  /// `count` different adapters, rising.
  std::vector<std::int32_t> draw(std::int64_t count);
  /// Masks take turns, so that a run does not find what the last one read.
  const std::vector<std::int32_t>& next_mask() { return masks_[turn_++ % masks_.size()]; }
  std::vector<const float*> inputs(std::int64_t rows);
  std::vector<float*> outputs(std::int64_t rows);
  /// `count` small weights, so that sums which grow from round to round stay ordinary numbers.
  std::span<const float> small_weights(std::size_t count);
  /// The mask's adapters as if they had rank `rank`.
  std::vector<kernels::SelectedAdapter> select(const std::vector<std::int32_t>& mask,
                                               std::int64_t rank);
  kernels::Bottleneck listed(const std::vector<std::int32_t>& mask);
  /// Distinct rows of U under `rows` masks, as the cost model expects them.
  [[nodiscard]] double touched(std::int64_t rows) const;

  void add_head(std::vector<Point>& all);
  void add_projected(std::vector<Point>& all);
  void add_pool(std::vector<Point>& all);
  void add_composed(std::vector<Point>& all);
  void add_passes(std::vector<Point>& all);

  void project_float32(std::int64_t rows);
  void project_half(std::int64_t rows);
  void project_int8(std::int64_t rows);
  /// Tasks of `rows` rows each, one per thread, as apply runs them; their deltas or their gates.
  void run_tasks(std::int64_t rows, const std::vector<kernels::Bottleneck>& bottlenecks,
                 bool delta);

  const Head& head_;
  std::int64_t d_;
  std::int64_t vocab_;
  std::int64_t adapters_;
  std::mt19937 random_{1};
  kernels::ThreadPool threads_;
  Matrix<float> down_;        // A [adapters, d]
  Matrix<float> up_;          // B^T [adapters, d]
  Matrix<float> features_;    // [rows, d]
  Matrix<float> logits_;      // [rows, V]
  Matrix<float> personal_;    // [rows, V]
  Matrix<float> projection_;  // U^T [adapters, V]
  kernels::HalfMatrix half_;
  kernels::Int8Matrix rounded_;
  std::vector<std::vector<std::int32_t>> masks_;
  std::vector<float> weights_;
  std::vector<kernels::Bottleneck> pooled_;
  std::vector<kernels::Composed> composed_;  // own_ points into them
  std::vector<kernels::Bottleneck> own_;
  std::size_t turn_ = 0;
};

}  // namespace pema::engine
