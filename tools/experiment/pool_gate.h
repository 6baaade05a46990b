/// Learning a pool's gate from its own people (docs/decisions/0007-gate.md).
#pragma once

#include <span>
#include <vector>

#include "pema/mask.h"
#include "pema/train/gate.h"
#include "tools/experiment/enrolment.h"
#include "tools/experiment/pool_rows.h"

namespace pema::tools {

/// What each source of `lease` gives the token of each row, and what a gate sees there. The recall
/// has `recall`'s k and T, whatever the lease's schedule says. Throws as Engine::step.
[[nodiscard]] std::vector<train::GateRow> gate_rows(Workshop& shop, const Lease& lease,
                                                    const Samples& rows, const GateRecall& recall);

/// `pool` with a gate learnt on the dev parts of `people`, the people it was trained on: own memory
/// is a person's train part, shared memory what the others taught (`parts`), never her own. Her
/// distribution is the shared adapter's, which serves rows with masks as well; `masks`, one for
/// each person or none, are for pools without one. Throws kInvalidArgument when nobody has dev
/// rows, kInterrupted.
[[nodiscard]] Pool add_gate(Workshop& shop, const Pool& pool,
                            std::span<const PersonMaterial* const> people, PoolParts parts,
                            std::span<const ProfileMask> masks, const train::GateOptions& options);

}  // namespace pema::tools
