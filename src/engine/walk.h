/// What the steps of one walk hand to each other. Lives for one call of Engine::step.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/compose.h"
#include "kernels/interpolate.h"
#include "kernels/parallel.h"
#include "kernels/shortlist.h"
#include "pema/engine.h"
#include "pema/memory_manager.h"
#include "src/engine/bottleneck_cache.h"

namespace pema::engine {

/// What outlives a step.
struct Context {
  Context(ModelInfo model_in, const Head& head_in, const EngineOptions& options_in)
      : model(std::move(model_in)),
        head(&head_in),
        options(options_in),
        pool(options_in.threads, options_in.executor),
        cache(options_in.cache_bytes, options_in.memory) {
    if (options.memory) {
      options.cache_bytes = std::min(options.cache_bytes, options.memory->budget_bytes());
    }
    options.threads = pool.threads();  // so that no step asks the system again
  }
  ModelInfo model;
  const Head* head;
  EngineOptions options;
  kernels::ThreadPool pool;
  BottleneckCache cache;
};

/// One row of the batch.
struct Row {
  bool inert = true;          ///< the model's own distribution, untouched
  std::int64_t group = -1;    ///< -1: no personal distribution
  bool skips_recall = false;  ///< for EngineOptions::skip_recall_above
  double base_weight = 1.0;
  double personal_weight = 0.0;
  double own_weight = 0.0;
  double shared_weight = 0.0;
  std::vector<kernels::WordMass> recalled;      ///< by rising token, weights multiplied in
  std::optional<kernels::Shortlist> shortlist;  ///< where neglects() says so, from step 6 on
};

/// Whether rows of such a pool are personal on a shortlist of words alone. The distribution form
/// replaces every logit, so that there is nothing to neglect.
[[nodiscard]] inline bool neglects(const EngineOptions& options, const PoolInfo& info) noexcept {
  return options.neglected_mass > 0.0 && info.form == Form::kResidual;
}

/// Rows under the same pool and mask.
struct Group {
  const Lease* lease = nullptr;  ///< of one of its rows; pool and mask are those of all
  Strategy strategy = Strategy::kFactored;
  std::int64_t begin = 0;  ///< its rows are Walk::row_order[begin, end)
  std::int64_t end = 0;
  std::vector<kernels::SelectedAdapter> shared;    ///< the always-on adapter
  std::vector<kernels::SelectedAdapter> selected;  ///< by rising number
  kernels::Bottleneck bottleneck;  ///< shared first, then selected; up rows [d], or [V] projected
  std::shared_ptr<const CacheEntry> composed;  ///< keeps what the bottleneck points into
  Matrix<float> weights;  ///< projected: [its rows, up entries], what each column of U counts
  std::vector<std::int32_t> projection_rows;  ///< projected: [up entries], the rows of U^T;
                                              ///< bottleneck.up.rows are used in float32 only
};

struct Walk {
  const Batch* batch = nullptr;
  MatrixView<const float> features;     ///< x [rows, d] on the host; without numbers while they
                                        ///< lie on a device only
  std::vector<Row> rows;                ///< [rows]
  std::vector<std::int64_t> row_order;  ///< [personal rows], grouped
  std::vector<Group> groups;            ///< in order of first appearance
  Matrix<float> delta;                  ///< [personal rows, d], in row_order's order
};

}  // namespace pema::engine
