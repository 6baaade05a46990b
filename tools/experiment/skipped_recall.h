/// What EngineOptions::skip_recall_above costs in NLL and saves in searches, under the same data,
/// people and profiles as the methods.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "tools/experiment/walk.h"

namespace pema::tools {

/// The test rows of new people under masks + own and shared memory, weighed by constants and by the
/// gate, each with every limit in (0, 1]. Returns a list of {"limit", "skipped" (share of rows
/// that are not searched), "nll", "nll_gate", "worse", "worse_gate" (than limit 1)}.
[[nodiscard]] nlohmann::ordered_json evaluate_skipped_recall(Walk& walk,
                                                             std::span<const double> limits);

}  // namespace pema::tools
