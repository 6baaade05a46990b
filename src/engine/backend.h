/// Who carries out the steps of a walk that compute: the CPU or a device. Check, plan, look-up and
/// recall are the host's in either case.
#pragma once

#include <cstdint>
#include <span>

#include "src/engine/walk.h"

namespace pema::engine {

/// One engine's. The steps are called in order, for one walk at a time. Each throws as the engine
/// says; after an exception `abandon` is called and then nothing before the next walk's first step.
/// Thread-safety: one thread at a time.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Step 4: what the groups compute with, from the caches or made.
  virtual void compose(Context& context, Walk& walk) = 0;
  /// Step 5: features -> deltas or weights of U's columns.
  virtual void apply(Context& context, Walk& walk) = 0;
  /// Step 6: personal logits, on the CPU in `personal` [rows, V].
  virtual void project(Context& context, Walk& walk, MatrixView<float> personal) = 0;
  /// Before step 7: Walk::features for the rows that are recalled.
  virtual void fetch_features(Context& context, Walk& walk) = 0;
  /// Step 8: out [rows, V] as Engine::step gives it. `out` is what `project` was given.
  virtual void interpolate(Context& context, const Walk& walk, MatrixView<float> out) = 0;
  /// The log-probability of targets[i] for every row, into out [rows]; `personal` is what `project`
  /// was given.
  virtual void interpolate_targets(Context& context, const Walk& walk, MatrixView<float> personal,
                                   std::span<const std::int64_t> targets,
                                   std::span<double> out) = 0;
  /// Forgets the walk that failed.
  virtual void abandon() noexcept = 0;
};

}  // namespace pema::engine
