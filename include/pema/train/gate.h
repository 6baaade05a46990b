/// Learning a pool's gate (pema/gate.h) on rows whose next token is known.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pema/gate.h"

namespace pema::train {

/// A row of the pool people's dev parts: what the gate sees, and what each source gives the token
/// that came next.
struct GateRow {
  GateInput input;
  std::array<double, kMixtureSources> probability{};  ///< in [0, 1]; of absent sources not read
};

struct GateOptions {
  std::int64_t steps = 300;
  double learning_rate = 0.05;
  /// Pull of every weight but the constants towards 0: half this times its square, in nats per row.
  double weight_decay = 1e-4;
  /// k and T that the rows' signals and probabilities were taken with; they become the gate's.
  GateRecall recall = {};
};

/// The gate with the least mean NLL, one set of weights for each choice of memories, by Adam over
/// all rows at once from equal weights for all sources. Every row teaches each set whose memories
/// it has: a row with both memories also teaches how to do with one or none. A row whose own keys
/// are product-quantised teaches only the sets of such keys; one that no row teaches is that of
/// exact keys. Deterministic. Throws
/// kInvalidArgument without rows, on a probability outside [0, 1] or signals that are not finite.
[[nodiscard]] MixtureGate learn_gate(std::span<const GateRow> rows,
                                     const GateOptions& options = {});

/// Mean NLL of the rows under a gate, in nats per row.
[[nodiscard]] double gate_nll(const MixtureGate& gate, std::span<const GateRow> rows);

}  // namespace pema::train
