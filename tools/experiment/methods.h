/// The methods that the demo compares. What a method gives a person is a profile in the store,
/// "METHOD/PERSON", so every number comes from what serving would read, and a run that was cut off
/// goes on where it stopped.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/train/gate.h"
#include "tools/experiment/enrolment.h"

namespace pema::tools {

enum class Method : std::uint8_t {
  kBase,                ///< the frozen model
  kOwnAdapter,          ///< one adapter of rank 8 per person, no pool
  kShared,              ///< one adapter for everybody, trained on the pool's people
  kRandomSeparate,      ///< shared + X-PEFT: separate masks over 512 untrained adapters of rank 8
  kMasks,               ///< shared + hard masks over the trained pool
  kSharedOwnAdapter,    ///< shared + one adapter of rank 8 per person
  kMasksMemory,         ///< masks + recall from own and shared memory, constant weights
  kSharedSharedMemory,  ///< shared + recall from shared memory, constant weights
  kMasksSharedMemory,   ///< masks + recall from shared memory, constant weights
  kSharedOwnMemory,     ///< shared + recall from own memory, constant weights
  kSharedMemory,        ///< shared + recall from own and shared memory, constant weights
  kSharedGate,          ///< each of the others with the pool's gate instead of its weights
  kMasksGate,
  kSharedSharedMemoryGate,
  kMasksSharedMemoryGate,
  kSharedOwnMemoryGate,
  kSharedMemoryGate,
  kMasksMemoryGate,
};

inline constexpr std::array kAllMethods = {Method::kBase,
                                           Method::kOwnAdapter,
                                           Method::kShared,
                                           Method::kRandomSeparate,
                                           Method::kMasks,
                                           Method::kSharedOwnAdapter,
                                           Method::kMasksMemory,
                                           Method::kSharedSharedMemory,
                                           Method::kMasksSharedMemory,
                                           Method::kSharedOwnMemory,
                                           Method::kSharedMemory,
                                           Method::kSharedGate,
                                           Method::kMasksGate,
                                           Method::kSharedSharedMemoryGate,
                                           Method::kMasksSharedMemoryGate,
                                           Method::kSharedOwnMemoryGate,
                                           Method::kSharedMemoryGate,
                                           Method::kMasksMemoryGate};

/// What a first look needs; the others show what each part of these adds.
inline constexpr std::array kMainMethods = {Method::kBase,           Method::kOwnAdapter,
                                            Method::kShared,         Method::kRandomSeparate,
                                            Method::kMasks,          Method::kSharedOwnAdapter,
                                            Method::kMasksMemory,    Method::kMasksSharedMemoryGate,
                                            Method::kMasksMemoryGate};

/// What a method over the shared adapter joins; nothing for the other methods.
struct MethodParts {
  bool masks = false;
  bool own_memory = false;
  bool shared_memory = false;
  /// The same method without the gate, itself where there is none.
  Method ungated = Method::kBase;
};
[[nodiscard]] MethodParts method_parts(Method method);

/// "base", "own_adapter", ...: the keys of report.json.
[[nodiscard]] std::string_view method_id(Method method);
[[nodiscard]] std::string_view method_label(Method method);
/// Throws kInvalidArgument, listing the methods.
[[nodiscard]] Method parse_method(std::string_view id);
/// Name of a person's profile under a method: "METHOD/PERSON", or "METHOD/PERSON/held_out" for the
/// one that has not seen the dev part.
[[nodiscard]] std::string profile_name(Method method, std::string_view person, bool refit = true);
/// `name` of a profile or pool, or that of its twin which has not seen the dev part.
[[nodiscard]] std::string refit_name(const std::string& name, bool refit);

/// Masks over untrained adapters take smaller steps than those over a trained pool.
[[nodiscard]] inline train::MaskOptions untrained_mask_recipe() {
  train::MaskOptions options;
  options.optimiser.learning_rate = 0.02;
  return options;
}

struct MethodOptions {
  train::PoolOptions pool;
  train::MaskOptions mask;                                   ///< of `masks`
  train::MaskOptions random_mask = untrained_mask_recipe();  ///< of `random_separate`
  std::int64_t random_adapters = 512;
  std::int64_t random_rank = 8;
  double random_mask_scale = 0.03;  ///< c: what a chosen untrained adapter counts on each side
  std::int64_t own_rank = 8;
  /// Of `own_adapter` and `shared_own_adapter`.
  train::OptimiserOptions own = train::OptimiserOptions::for_own_adapter();
  train::GateOptions gate;
  /// Profiles that learnt from the dev part too, once it had chosen, are scored; false: those that
  /// did not (the setting of design.md section 4). Both are in the store.
  bool refit = true;
  std::uint64_t seed = 123;
};

/// The default recipes (docs/decisions/0003) with one seed for everything that draws.
[[nodiscard]] MethodOptions seeded_methods(std::uint64_t seed);

/// What everybody's profiles are made from; stored in the workshop's store.
struct Foundation {
  PoolRecord shared;       ///< "shared": the shared adapter alone
  PoolRecord main;         ///< "main": shared + trained adapters
  PoolRecord shared_gate;  ///< "shared_gate": `shared` with the gate
  PoolRecord main_gate;    ///< "main_gate": `main` with the same gate
  PoolRecord random;       ///< "random_separate": shared + untrained adapters
  SegmentRecord memory;    ///< "pool-people": recall segment of the pool people's train rows
  /// "pool-people": learnt from their keys, the gate's as well; null where they are too few.
  std::shared_ptr<const Codebook> codebook;
};

struct TrainedPool {
  PoolRecord pool;
  double seconds = 0;  ///< spent on training now; 0 when it was found
};

/// The pool "shared", trained and stored unless the store has it. The same store must be used with
/// the same people and options.
[[nodiscard]] TrainedPool train_shared(Workshop& shop,
                                       std::span<const PersonMaterial* const> pool_people,
                                       const MethodOptions& options);

/// The pool "main" over the shared adapter, as train_shared.
[[nodiscard]] TrainedPool train_main(Workshop& shop, const PoolRecord& shared,
                                     std::span<const PersonMaterial* const> pool_people,
                                     const MethodOptions& options);

/// The pools "shared_gate" and "main_gate", learnt and stored unless the store has them. The
/// seconds are those of learning.
struct GatedPools {
  PoolRecord shared;
  PoolRecord main;
  double seconds = 0;
};
[[nodiscard]] GatedPools train_gate(Workshop& shop, const PoolRecord& shared,
                                    const PoolRecord& main,
                                    std::span<const PersonMaterial* const> pool_people,
                                    const MethodOptions& options);

/// Makes and stores the rest of what is not in the store yet.
[[nodiscard]] Foundation lay_foundation(Workshop& shop, const PoolRecord& shared,
                                        const PoolRecord& main, const GatedPools& gated,
                                        std::span<const PersonMaterial* const> pool_people,
                                        const MethodOptions& options);

/// Stores both of a person's profiles in one transaction, with one schedule: that of the parts that
/// have not seen the dev part. `gate` as in tune_lambdas.
void store_both(Workshop& shop, const std::string& name, const RefitParts& parts,
                const std::vector<SegmentId>& shared, const Samples& dev, bool gate = false);

/// The masks of both of a person's profiles under `method`, which the store has.
[[nodiscard]] train::RefitMask stored_masks(const Store& store, Method method,
                                            const PersonMaterial& person);

/// The own segments of both parts, keys as `choice` says.
void add_own_segments(Workshop& shop, RefitParts& parts, const PersonMaterial& person,
                      const KeyChoice& choice = {});

/// Makes a person's two profiles under a method unless the store has them. Returns false when they
/// were there. kBase has no profile.
bool enrol_method(Workshop& shop, const Foundation& foundation, Method method,
                  const PersonMaterial& person, const MethodOptions& options);

}  // namespace pema::tools
