/// Runs what `pema explain` predicts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pema/planner.h"
#include "pema/progress.h"

namespace pema::tools {

/// What a plan was seen to take.
struct MeasuredPlan {
  StepSeconds step;  ///< medians of steps with warm caches
  double once = 0;   ///< seconds of composing in the first step, beyond a later one
};

/// A batch of random features to run plans on.
struct MeasuredBatch {
  std::int64_t rows = 1;
  std::int64_t masks = 1;  ///< distinct: the lease's own, then others with as many adapters
  std::int64_t rounds = 7;
};

/// Runs every plan that can run, in an engine of its own with `options`, taking turns; nothing for
/// a plan that cannot. Throws as Engine::step, kInterrupted when `progress` asks to stop.
[[nodiscard]] std::vector<std::optional<MeasuredPlan>> measure_plans(
    const ModelInfo& model, const Head& head, const EngineOptions& options, const Lease& lease,
    const std::vector<StrategyPlan>& plans, const MeasuredBatch& batch, Progress* progress);

}  // namespace pema::tools
