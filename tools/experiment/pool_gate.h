/// Learning a pool's gate from its own people (docs/decisions/0007-gate.md).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "pema/codebook.h"
#include "pema/mask.h"
#include "pema/train/gate.h"
#include "tools/experiment/enrolment.h"
#include "tools/experiment/pool_rows.h"

namespace pema::tools {

/// What each source of `lease` gives the token of each row, and what a gate sees there. The recall
/// has `recall`'s k and T, whatever the lease's schedule says. Throws as Engine::step.
[[nodiscard]] std::vector<train::GateRow> gate_rows(Workshop& shop, const Lease& lease,
                                                    const Samples& rows, const GateRecall& recall);

/// The codebook that `pema memory codebook train` learns by default from the rows that `people`
/// teach with. Null where they are too few for one. Throws kInterrupted.
[[nodiscard]] std::shared_ptr<const Codebook> learn_pool_codebook(
    const Workshop& shop, std::span<const PersonMaterial* const> people, PoolParts parts);

/// What a gate is learnt from besides the people's texts.
struct GateLesson {
  PoolParts parts = PoolParts::kTrain;  ///< what people teach others
  /// One for each person or none: for pools without a shared adapter, which otherwise makes a
  /// person's distribution and serves rows with masks as well.
  std::span<const ProfileMask> masks;
  /// Of the product-quantised own keys that the gate learns to weigh too; null: it does not.
  std::shared_ptr<const Codebook> codebook;
  train::GateOptions options;
};

/// `pool` with a gate learnt on the dev parts of `people`, the people it was trained on: own memory
/// is a person's train part, shared memory what the others taught, never her own. Throws
/// kInvalidArgument when nobody has dev rows, kInterrupted.
[[nodiscard]] Pool add_gate(Workshop& shop, const Pool& pool,
                            std::span<const PersonMaterial* const> people,
                            const GateLesson& lesson);

}  // namespace pema::tools
