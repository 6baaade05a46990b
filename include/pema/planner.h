/// The planner from outside: why a lease is computed as it is, and how a machine's costs are found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pema/costs.h"
#include "pema/engine.h"
#include "pema/progress.h"

namespace pema {

/// One way to compute a lease, and what it is predicted to cost under EngineOptions' expectations.
struct StrategyPlan {
  Strategy strategy = Strategy::kFactored;
  NumberType type = NumberType::kFloat32;  ///< of U; float32 where there is none
  bool runs = true;            ///< false: the lease cannot be computed so, whatever the options say
  std::string_view refused{};  ///< why kAuto may not choose it; empty when it may
  bool exact = true;           ///< float32 throughout; false: U is rounded (docs/numerics.md)
  StepSeconds step{};          ///< one step, caches warm
  double once = 0;             ///< seconds for what is made once and kept (U, composed masks)
  double life = 0;             ///< seconds of all expected steps, with what is made
  std::int64_t bytes_read = 0;  ///< by one step, caches warm
  std::int64_t bytes_kept = 0;  ///< by the engine's cache
};

/// A lease's plans and the choice between them.
struct Explanation {
  std::vector<StrategyPlan> plans;   ///< factored, composed, projected in each type
  std::size_t chosen = 0;            ///< in `plans`: what the engine does
  std::int64_t steps = 1;            ///< of the expected life
  std::string why;                   ///< one sentence; on a device also whether it was measured
  std::vector<std::string> changes;  ///< what would change the choice, one sentence each
};

/// What an Engine with these options does with the lease, and why. Depends on its arguments alone.
/// In the mixture algebra the engine may still take composed for factored from batch to batch: both
/// give the same bits. Throws kInvalidArgument (a lease without a personal distribution,
/// expectations out of range), kUnsupported as Engine::step. Thread-safety: reentrant.
[[nodiscard]] Explanation explain(const ModelInfo& model, const EngineOptions& options,
                                  const Lease& lease);

/// How the own or the shared segments of a lease are searched at each step.
struct RecallPlan {
  bool own = false;                 ///< otherwise shared
  std::int64_t keys = 0;            ///< that the row sees
  std::int64_t indexed = 0;         ///< of them in the index
  bool through_index = false;       ///< false: all are scanned
  std::int64_t lists = 0;           ///< of the index; 0 without one
  std::int64_t searched_lists = 0;  ///< at most; exact where it is all of them
  double scan_cost = 0;             ///< in codes that a scan reads
  double index_cost = 0;            ///< the same; infinity where no index serves
};

/// What an Engine with these options does for the segments of the lease, one plan for each source
/// that has keys; through the lease's index, or that of the options. Depends on its arguments
/// alone. Throws kInvalidArgument on a null segment or a wanted recall outside (0, 1].
/// Thread-safety: reentrant.
[[nodiscard]] std::vector<RecallPlan> explain_recall(const EngineOptions& options,
                                                     const Lease& lease);

/// Whether `options.projection_folder` holds a file for the pool's U in `options.projection`;
/// whether it is whole shows when it is read. For EngineOptions::made_projections. Thread-safety:
/// reentrant.
[[nodiscard]] bool projection_is_stored(const ModelInfo& model, const EngineOptions& options,
                                        const Pool& pool);

/// The type of U in which kAuto is predicted to take the least seconds, for callers who accept the
/// error of any (docs/numerics.md); `options.projection` when U is not used. What is
/// stored (projection_is_stored) counts as made. Throws as explain.
[[nodiscard]] NumberType choose_projection(const ModelInfo& model, const EngineOptions& options,
                                           const Lease& lease);

/// How to measure.
struct MeasureOptions {
  std::int64_t threads = 0;      ///< as in EngineOptions
  Executor executor = {};        ///< as in EngineOptions
  std::int64_t adapters = 1024;  ///< rows of the pool and of U that are measured with; at least 64
  std::int64_t rounds = 15;      ///< every measurement is the least of so many; at least 1
  Progress* progress = nullptr;  ///< may be null
};

/// Runs the engine's kernels at the model's own sizes d and V, all measurements taking turns, and
/// fits the costs to the least times by least squares of relative errors. Takes seconds, and 7
/// adapters V bytes of memory. Throws kInvalidArgument, kMismatch (the head is not the model's),
/// kInterrupted when `progress` asks to stop. Thread-safety: reentrant; other work on the machine
/// shows.
[[nodiscard]] MachineCosts measure_costs(const ModelInfo& model, const Head& head,
                                         const MeasureOptions& options = {});

/// A device's costs and its name.
struct MeasuredDevice {
  std::string name;
  DeviceCosts costs;  ///< `measured` is set
};

/// Runs the ops of a device at the model's own sizes and takes the least of `rounds` times of each:
/// copies, launches, a sum of rows that waits for memory and one that multiplies. Takes a few
/// seconds, and 1,024 V numbers of the device. Throws as Engine for want of a device, kOverBudget
/// for want of room, kInvalidArgument (rounds below 1), kInterrupted. Written without a device: its
/// code runs in the tests' emulator, its figures were never seen. Thread-safety: reentrant.
[[nodiscard]] MeasuredDevice measure_device_costs(const ModelInfo& model,
                                                  const DeviceOptions& device,
                                                  std::int64_t rounds = 15,
                                                  Progress* progress = nullptr);

}  // namespace pema
