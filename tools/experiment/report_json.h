/// report.json of the demo: what was measured, on what, and how to do it again. Keys are stable;
/// docs/demo.md explains them.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "pema/data/dataset.h"
#include "pema/plm/feature_cache.h"
#include "tools/experiment/evaluation.h"

namespace pema::tools {

/// Seconds that the parts took when they were really done; a later run that finds the results
/// reports these.
struct Timings {
  double shared = 0;  ///< the shared adapter
  double pool = 0;    ///< the adapters over it
  double gate = 0;    ///< the gate over both
  double enrol_per_person = 0;

  /// Reads the file that `save` wrote; zeros when it is absent or unreadable.
  [[nodiscard]] static Timings load(const std::string& path);
  /// Throws kIo, kDiskFull.
  void save(const std::string& path) const;
};

/// One text that continues the common prompt.
struct Continuation {
  std::string who;
  std::string text;
};

/// Everything that the report is made of. References must outlive the call of report_json.
struct ReportInput {
  const ModelInfo& model;
  const data::DataSet& data;
  const Evaluation& evaluation;
  const Foundation& foundation;
  const plm::FeatureCache::Counts& features;
  Timings timings;
  std::int64_t pool_people = 0;
  std::uint64_t seed = 0;
  double total_seconds = 0;
  std::int64_t mask_bytes = 0;
  std::int64_t own_adapter_bytes = 0;
  std::int64_t own_segment_bytes = 0;  ///< mean over the new people
  double registry_row_bytes = 0;
  std::string prompt;
  std::vector<Continuation> continuations;
  std::string reproduce;  ///< the command line
};

[[nodiscard]] nlohmann::ordered_json report_json(const ReportInput& input);

/// {"cpu", "cores", "memory_gib", "os"} of this machine.
[[nodiscard]] nlohmann::ordered_json machine_json();

/// Bytes that a person keeps besides what everybody shares, without own memory.
[[nodiscard]] std::int64_t method_bytes(Method method, std::int64_t mask_bytes,
                                        std::int64_t own_adapter_bytes);

/// NLL of the masks' sources under constant lambda 0, 0.05, ..., 1, and under each Gradual
/// Unrolling curve at lambda_max 0.9.
[[nodiscard]] nlohmann::ordered_json lambda_curve_json(const train::TargetProbabilities& sources);
[[nodiscard]] nlohmann::ordered_json unrolling_json(const train::TargetProbabilities& sources);

}  // namespace pema::tools
