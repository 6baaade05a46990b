/// The engine: a batch of rows, each under another person's profile, from features and logits to
/// mixed distributions. Start here: open a Store, make leases, call Engine::step once per decoded
/// token.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/adapter.h"
#include "pema/costs.h"
#include "pema/device.h"
#include "pema/error.h"
#include "pema/executor.h"
#include "pema/gate.h"
#include "pema/mask.h"
#include "pema/memory.h"
#include "pema/model.h"
#include "pema/number_type.h"
#include "pema/recall_index.h"
#include "pema/schedule.h"
#include "pema/store.h"

namespace pema {

class MemoryManager;

/// Through what a lease's segments are searched faster.
struct LeaseIndex {
  std::shared_ptr<const RecallIndex> index;  ///< null: they are scanned
  std::string name;                          ///< in the store
  double wanted_recall = 1.0;  ///< for this lease, in the place of EngineOptions::wanted_recall
  /// Why an index that the store has for these segments, or that was asked for, is not used: no
  /// room, damaged, or it holds none of them. Otherwise empty.
  std::string trouble;
  std::optional<ErrorCode> cause;  ///< of the trouble, where an error was
};

/// Which state of a shared segment's list a lease holds.
struct LeasedList {
  SegmentId segment;
  std::int64_t version = 0;   ///< SegmentRecord::version
  std::int64_t contents = 0;  ///< next ones of Lease::shared
};

/// Everything that one generation of one profile computes with. Immutable: removal, replacement or
/// eviction elsewhere do not change what a lease computes. A lease without pool and segments is the
/// empty profile.
struct Lease {
  ProfileId profile;
  std::string name;
  std::int64_t generation = 0;
  std::shared_ptr<const Pool> pool;  ///< null: no adapters
  ProfileMask mask;
  Digest mask_digest;
  LambdaSchedule schedule;
  /// Null: the schedule weighs the sources. Otherwise the gate does, with its own k and T of the
  /// recall, and of the schedule only lambda_max = 0 counts, which still switches the personal
  /// distribution off. LeaseBook takes it from the pool where the profile says so
  /// (LambdaSchedule::gate, which the engine does not look at).
  std::shared_ptr<const MixtureGate> gate;
  std::vector<std::shared_ptr<const Segment>> own;
  std::vector<std::shared_ptr<const Segment>> shared;
  LeaseIndex index;  ///< comes before EngineOptions::recall_index; segments that it does not hold
                     ///< are scanned beside it
  /// What `shared` is made of, in its order. What is appended to a list, merged or forgotten
  /// changes its version and not the profile's generation: both together say what a lease reads.
  /// Empty in leases that no LeaseBook made.
  std::vector<LeasedList> lists = {};

  /// True when the lease leaves the model's distribution as it is: no shared adapter and no mask
  /// (or lambda 0), and no recall.
  [[nodiscard]] bool inert() const;
};

/// Which of a store's indexes leases get.
struct IndexChoice {
  enum class Use : std::uint8_t {
    kOff,   ///< none
    kAuto,  ///< the one that holds most keys of the lease, where it may pay (memory/index_search.h)
    kNamed,  ///< `name`, for the leases of which it holds any segment
  };
  Use use = Use::kAuto;
  std::string name = {};
  std::optional<double> wanted_recall = {};  ///< instead of what the index was built with
};

/// Reads a profile and maps what it needs; pools and segments that are already mapped through this
/// object, or by `memory`, are shared. Thread-safety: any thread, as long as nobody else uses the
/// store meanwhile: the book reads one row at a time and opens object files without a lock. The
/// leases it returns may be used anywhere.
class LeaseBook {
 public:
  /// The store must outlive the book, not the leases. Leases for models other than `model` are
  /// refused. With `memory`, pools and segments (their codes included, from the start) stay mapped
  /// within its budget after their last lease; several books may share one. Without, they go with
  /// their last lease. Indexes (`indexes`) are held as segments are, but a lease whose index finds
  /// no room or is damaged comes without it (LeaseIndex::trouble): with a wanted recall of 1 it
  /// gives the same bits. Throws kInvalidArgument on a wanted recall outside (0, 1].
  LeaseBook(const Store& store, const ModelInfo& model,
            std::shared_ptr<MemoryManager> memory = nullptr, IndexChoice indexes = {});
  ~LeaseBook();
  LeaseBook(const LeaseBook&) = delete;
  LeaseBook& operator=(const LeaseBook&) = delete;

  /// Throws kNotFound (naming the profile, or an index that was named, and how to see the others),
  /// kMismatch (made for another base model), kCorrupt (a damaged object), kOverBudget and kBusy
  /// (no room for a pool or segment in the memory manager's budget): never a lease that would
  /// answer with the plain model.
  [[nodiscard]] std::shared_ptr<const Lease> acquire(std::string_view name);

  /// Maps what profiles that will soon be asked for need, in the caller's thread, into room that is
  /// free or held by less valuable things; the number of pools, segments and indexes that are now
  /// there.
  /// Nothing without a memory manager. Throws as acquire on an unknown profile or a foreign model;
  /// an object that cannot be read is left for acquire to tell.
  std::int64_t prefetch(std::span<const std::string> names);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How personal logits are computed; all agree within the tolerances of docs/numerics.md.
enum class Strategy : std::uint8_t {
  kAuto,       ///< the planner chooses
  kComposed,   ///< materialise A^ and B^, cached by (pool, mask digest)
  kFactored,   ///< z = A_pool x, gate, delta = B_pool z, then the head
  kProjected,  ///< z = A_pool x, gate, then U = W B_pool computed once per pool (mixture algebra
               ///< only)
};

[[nodiscard]] std::string_view to_string(Strategy strategy) noexcept;
[[nodiscard]] Strategy parse_strategy(std::string_view text);

struct EngineOptions {
  Strategy strategy = Strategy::kAuto;
  /// What kProjected keeps the pool's projection U in; docs/numerics.md has the errors. In int8
  /// each row of U^T has its own grid of 255 steps.
  NumberType projection = NumberType::kFloat32;
  /// What the copy of a pool is kept in that kComposed sums adapters from in the separate algebra.
  /// In int8 the A and the B of a pool have one grid each. The mixture algebra copies adapters as
  /// they are.
  NumberType composition = NumberType::kFloat32;
  std::int64_t cache_bytes =
      std::int64_t{256} << 20;  ///< for composed bottlenecks, projections and copies; 0 keeps none
  std::int64_t threads = 0;     ///< 0: one per hardware thread; results do not depend on it
  Executor executor = {};  ///< runs the parts of a step instead of threads of the engine's own, at
                           ///< most `threads` in a call; beside llama.cpp: plm::openmp_executor()
  /// What the planner expects, as far as the caller knows. Fixed numbers, because a choice by the
  /// rows at hand would let a row's neighbours change its bits (docs/decisions/0006-planner.md).
  std::int64_t expected_rows = 0;  ///< personal rows in the engine's life; kAuto makes what is made
                                   ///< once (U, composed masks) only where they pay for it; 0: one
                                   ///< step
  std::int64_t expected_rows_per_step = 1;   ///< personal rows of one step
  std::int64_t expected_masks_per_step = 1;  ///< distinct masks among them
  std::vector<Digest> made_projections{};    ///< pools whose U costs nothing to make, because it is
                                             ///< stored; kAuto counts it as made
  MachineCosts costs{};                      ///< of this machine: measure_costs, `pema tune`
  /// Folder where projections of pools are kept between runs, made when it is missing; empty: none.
  /// Anybody may empty it at any time. A projection that is read has the bits that this library
  /// once computed on a machine with the same folder.
  std::string projection_folder = {};
  /// Base probability, in [0, 0.1], that a row's personal distribution may leave out of account: in
  /// the `residual` form deltas are computed for the likeliest words alone, the rest of which has
  /// at most this mass. 0: all words, exact. Above it `kAuto` and `kProjected` run as `kFactored`
  /// without U; the `distribution` form stays exact. The error is bounded in docs/numerics.md.
  double neglected_mass = 0.0;
  /// A row whose model gives one word more than this probability, in (0, 1], is not recalled: it is
  /// mixed as if its profile had no memory. Sure of its word, the model seldom gains by a memory,
  /// and a search costs what it costs. 1: every row is searched. Rows whose schedule leaves the
  /// model nothing are always searched. After the adaptive retrieval of He et al. 2021 (arXiv
  /// 2109.04212, section 4.2); what it costs: docs/decisions/0009-search.md.
  double skip_recall_above = 1.0;
  /// Makes recall from the segments that it holds faster; a planner chooses for each row. Segments
  /// that it does not hold are searched as without it. For leases without an index of their own
  /// (Lease::index). Null: none.
  std::shared_ptr<const RecallIndex> recall_index = {};
  /// The share of the true nearest neighbours that rows which see 20,000 keys and more are to find
  /// on average through the index, in (0, 1]. 1: all, the bits of a search without index.
  double wanted_recall = 1.0;
  /// Keeps what `cache_bytes` speaks of, within one budget with everything else that it holds;
  /// `cache_bytes`, or the budget where that is less, is then only what the planner counts on.
  /// Engines of other threads may share it. Nothing is refused: what finds no room is used and not
  /// kept. Results do not depend on what it holds.
  std::shared_ptr<MemoryManager> memory = {};
  /// The GPU that steps are computed on; nothing: the CPU. There the mixture algebra runs factored
  /// (also when composed is asked for) or projected, the separate algebra composed; the rest is
  /// refused: kFactored in the separate algebra, a neglected mass. Recall stays on the CPU. Results
  /// are within the tolerances of docs/numerics.md of the CPU's; their bits, too, depend neither on
  /// the other rows nor on what memory holds.
  std::optional<DeviceOptions> device = {};
};

/// What the engine's cache holds and did. Counts since construction. With EngineOptions::memory
/// bytes, entries and evictions are those of all its engines (MemoryManager::stats says more).
struct CacheStats {
  std::int64_t bytes = 0;    ///< held now; never above EngineOptions::cache_bytes
  std::int64_t entries = 0;  ///< composed bottlenecks, projections and copies of pools held now
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t evictions = 0;              ///< thrown out, oldest use first, to make room
  std::int64_t too_large = 0;              ///< never kept, because larger than the whole budget
  std::int64_t projections_read = 0;       ///< found in EngineOptions::projection_folder
  std::int64_t projections_written = 0;    ///< put there
  std::int64_t projections_unwritten = 0;  ///< not put there, for want of room or rights
};

/// One decode step of many conversations. For a pool at the `pre_norm` site the delta is computed
/// from the pre-norm feature and enters as l + W delta, like everywhere in the `residual` form.
struct Batch {
  MatrixView<const float> features;      ///< x [rows, d] at `site`
  MatrixView<const float> logits;        ///< l [rows, V] of the base model
  std::span<const Lease* const> leases;  ///< [rows]; null: no profile
  std::span<const std::int64_t> step;    ///< [rows], t >= 0: tokens generated so far
  std::span<const std::int64_t>
      source_length;  ///< [rows], tokens of the source, for Gradual Unrolling
  FeatureSite site = FeatureSite::kPostNorm;  ///< of `features`; every lease's pool must share it
  /// Features [rows, d] of `half_type`, float16 or bfloat16, instead of `features`, which is then
  /// empty. They are widened, exactly, before anything else.
  MatrixView<const std::uint16_t> half_features = {};
  NumberType half_type = NumberType::kFloat16;
};

/// Logits out [rows, V] = W x for post-norm features [rows, d], through the kernel that the engine
/// uses. A row's bits depend on nothing but the row. Throws kInvalidArgument on shapes that
/// disagree. Thread-safety: reentrant.
void base_logits(const Head& head, MatrixView<const float> features, MatrixView<float> out,
                 std::int64_t threads = 0);

/// Thread-safety: one thread at a time per Engine (it owns scratch memory and the cache).
class Engine {
 public:
  /// Copies nothing: `head` must outlive the engine.
  /// With EngineOptions::device throws kUnsupported where there is no usable device or the options
  /// ask for what the device lacks, kNotFound for a number without a device, kInvalidArgument for a
  /// memory manager without room for a device.
  Engine(const ModelInfo& model, const Head& head, EngineOptions options = {});
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  /// Writes into out [rows, V] scores whose softmax is the row's distribution: log-probabilities
  /// for a personal row, the model's own logits bit for bit for a row without a profile or with an
  /// inert one. A row's result does not depend on the other rows. Throws kInvalidArgument (empty
  /// batch, wrong width, NaN, lengths that disagree), kMismatch (lease of another model or site).
  /// On an exception `out` is unspecified.
  /// On a device it also throws kOverBudget and kBusy (no room there), kIo (the device is lost);
  /// nothing is then half-done, and the next step starts afresh. There it waits for the device
  /// once, for `out`.
  void step(const Batch& batch, MatrixView<float> out);

  /// The same on a device's memory, without waiting: the step is queued on DeviceOptions::stream.
  /// In a warm step nothing is allocated, and the only waits are those for features that recall
  /// needs (DeviceBatch::host_features) and for a step before the last one, when the device is that
  /// far behind. What lies on the device is not looked at by the host: what is wrong with a row's
  /// values shows in `finish`. Rows without a profile are copied. Throws kUnsupported in an engine
  /// on the CPU, or with skip_recall_above below 1, which reads logits on the host; otherwise as
  /// above.
  void step(const DeviceBatch& batch, const DeviceScores& out);

  /// Waits for everything that steps queued. Throws kInvalidArgument when a row of the last step
  /// could not be mixed because its logits or its feature hold NaN or infinity (the row's scores
  /// are NaN), kIo when the device is lost. Nothing to do on the CPU.
  void finish();

  /// Log-probability of one word per row, targets [rows] in [0, V): exactly the value that `step`
  /// gives there; for a row that is left to the model, the log-softmax of its logits. Works in
  /// blocks of rows, so that nothing of shape [rows, V] is kept; `batch.logits` may be empty, the
  /// base logits are then W x (with the final norm first when the site is pre_norm). Throws like
  /// `step`.
  [[nodiscard]] std::vector<double> target_log_probabilities(const Batch& batch,
                                                             std::span<const std::int64_t> targets);

  [[nodiscard]] CacheStats cache_stats() const;
  /// Seconds that the last call of `step` spent where strategies differ; zeros before the first.
  [[nodiscard]] StepSeconds step_seconds() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema
