/// Machine costs and the shape of a batch -> seconds and bytes of its steps. Pure arithmetic.
#pragma once

#include <cstdint>

#include "pema/costs.h"
#include "pema/engine.h"

namespace pema::engine {

/// What a step's cost depends on. All rows are under one pool; masks choose equally many adapters.
struct WorkShape {
  std::int64_t rows = 1;      ///< personal rows of the step
  std::int64_t masks = 1;     ///< distinct masks among them
  std::int64_t down = 0;      ///< adapters that a mask selects (down side in the separate algebra)
  std::int64_t up = 0;        ///< the same on the up side; equal to `down` in the mixture
  std::int64_t adapters = 0;  ///< N
  std::int64_t rank = 0;      ///< r
  std::int64_t shared = 0;    ///< rank of the always-on adapter
  std::int64_t hidden = 0;    ///< d
  std::int64_t vocab = 0;     ///< V
  std::int64_t listed_words =
      0;  ///< words with a delta of their own under a neglected mass; 0: all
  std::int64_t threads = 1;
  Algebra algebra = Algebra::kMixture;
  Form form = Form::kResidual;

  /// Rows of U^T: all adapters, the shared one included.
  [[nodiscard]] std::int64_t projection_rows() const noexcept { return shared + adapters * rank; }
};

/// The shape of `rows` rows under `masks` masks like the lease's. The lease has a pool.
[[nodiscard]] WorkShape work_shape(const ModelInfo& model, const EngineOptions& options,
                                   const Lease& lease, std::int64_t rows, std::int64_t masks);

/// Seconds of one step. `held`: composed masks are in the cache; U always counts as made.
/// `strategy` is not kAuto. Never below zero; never falls when rows or selected adapters grow.
[[nodiscard]] StepSeconds predict_step(const MachineCosts& costs, const WorkShape& shape,
                                       Strategy strategy, NumberType type, bool held);

/// The same on a device, with everything that is kept there in place. Launches, bytes and
/// multiply-adds of the ops that src/engine/device_steps.cc queues; the copies of a batch that
/// lies on the host are in `interpolate`.
[[nodiscard]] StepSeconds predict_device_step(const DeviceCosts& costs, const WorkShape& shape,
                                              Strategy strategy, NumberType type);

/// Seconds to make U.
[[nodiscard]] double projection_seconds(const MachineCosts& costs, const WorkShape& shape,
                                        NumberType type);

/// Bytes of U.
[[nodiscard]] std::int64_t projection_bytes(const WorkShape& shape, NumberType type);
/// Bytes of one composed mask.
[[nodiscard]] std::int64_t composed_bytes(const WorkShape& shape);
/// Bytes of weights, adapters, U and logits that one step with warm caches reads at least.
[[nodiscard]] std::int64_t bytes_read(const WorkShape& shape, Strategy strategy, NumberType type);

}  // namespace pema::engine
