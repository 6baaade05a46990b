/// PEMA's own form under the same data, people and tuning as the other methods.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pema/train/pema_trainer.h"
#include "tools/command_line.h"
#include "tools/experiment/walk.h"

namespace pema::tools {

/// One training of PEMA's form.
struct PemaRun {
  std::string
      id;  ///< "best", "published", or a caller's; also names its pool and profiles in the store
  train::PemaOptions options;
};

/// Adds every setting of the paper to a command: --start, --pema-rank, --alpha, --kappa, ...
/// `options` must outlive the parsing. Returns what was added.
std::vector<Argument> add_pema_options(Command command, train::PemaOptions& options);

/// The options as stored in recipes and reports.
[[nodiscard]] nlohmann::ordered_json pema_options_json(const train::PemaOptions& options);

/// Trains (or finds in the store) one adapter on the pool's people in the `distribution` form,
/// tunes each new person's lambda on their dev rows, scores their test rows. Returns {"id",
/// "start", "rank", ..., "nll", "gain", "seconds", "lambda_curve", "training_curve"};
/// training_curve is absent when the adapter was found. `base_nll` as Evaluation::nll(kBase) of the
/// same people.
[[nodiscard]] nlohmann::ordered_json evaluate_pema(Walk& walk, const PemaRun& run, double base_nll);

}  // namespace pema::tools
