/// The main job from end to end: texts, features, pool, new people's profiles, scores. One object
/// holds what is open on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pema/plm/feature_cache.h"
#include "tools/experiment/cohort.h"
#include "tools/experiment/evaluation.h"
#include "tools/experiment/report_json.h"
#include "tools/experiment/tuning_memo.h"

namespace pema::tools {

class Context;

struct WalkOptions {
  MethodOptions methods;
  MaterialOptions material;
  std::string model_path;  ///< kept in the store as a hint
  std::string work;   ///< folder for data sets and stores; results of an earlier run with the same
                      ///< inputs are found in it
  std::string cache;  ///< folder of the feature cache
  std::int64_t threads = 0;
  MachineCosts costs{};  ///< for the engine's planner
  IndexChoice indexes;   ///< of the leases that are scored
  Progress* progress = nullptr;
  std::function<void(const std::string&)> say;  ///< one line per step
};

/// Thread-safety: one thread at a time.
class Walk {
 public:
  /// Writes `texts` in LaMP's layout below the work folder, reads that back, takes features and
  /// lays the foundation. The model must outlive the walk. Throws as the parts; kInterrupted keeps
  /// finished parts.
  Walk(plm::LanguageModel& model, const data::DataSet& texts, WalkOptions options);

  /// Enrols and scores the new people.
  [[nodiscard]] Evaluation evaluate(std::span<const Method> methods);

  [[nodiscard]] Workshop shop();
  [[nodiscard]] const data::DataSet& data() const noexcept { return data_; }
  [[nodiscard]] const Cohort& cohort() const noexcept { return cohort_; }
  [[nodiscard]] const MethodOptions& methods() const noexcept { return options_.methods; }
  [[nodiscard]] const Foundation& foundation() const noexcept { return foundation_; }
  [[nodiscard]] const plm::FeatureCache::Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] const Timings& timings() const noexcept { return timings_; }
  [[nodiscard]] std::vector<const PersonMaterial*> pool_people() const {
    return pick(cohort_.pool);
  }
  [[nodiscard]] std::vector<const PersonMaterial*> new_people() const {
    return pick(cohort_.fresh);
  }
  [[nodiscard]] const std::string& store_folder() const noexcept { return store_folder_; }
  [[nodiscard]] const std::string& data_folder() const noexcept { return data_folder_; }
  [[nodiscard]] Engine& engine() noexcept { return *engine_; }
  [[nodiscard]] LeaseBook& leases() noexcept { return *leases_; }
  [[nodiscard]] Store& store() noexcept { return *store_; }

 private:
  [[nodiscard]] std::vector<const PersonMaterial*> pick(const std::vector<std::size_t>& who) const;
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }
  void take_features();
  void open_store();
  void train_pools();
  void save_timings() const { timings_.save(store_folder_ + "/timings.json"); }

  WalkOptions options_;
  plm::LanguageModel& model_;
  data::DataSet data_;
  Cohort cohort_;
  std::string data_folder_;
  std::string store_folder_;
  std::vector<PersonMaterial> material_;
  plm::FeatureCache::Counts counts_;
  Timings timings_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<LeaseBook> leases_;
  std::unique_ptr<Engine> engine_;
  train::BaseScores scores_;
  TuningMemo memo_;
  Foundation foundation_;
};

/// The options of a command's walk: default recipes under `seed`, model, threads, progress and
/// notes of the program. `context` must outlive them.
[[nodiscard]] WalkOptions make_walk_options(Context& context, const std::string& work,
                                            const std::string& cache, std::uint64_t seed);

/// SHA-256 over everything that decides what a walk computes: data, model, options, version of
/// pema. Stores are named by it.
[[nodiscard]] Digest walk_key(const ModelInfo& model, const data::DataSet& data,
                              const WalkOptions& options);

}  // namespace pema::tools
