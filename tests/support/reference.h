/// A float64 oracle of the whole walk, written straight from design.md section 3 and independent of
/// kernels/ and src/memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pema/engine.h"

namespace pema::test {

/// delta(x) [d] of a lease's mask over its pool, without the shared adapter.
[[nodiscard]] std::vector<double> reference_delta(const Lease& lease, std::span<const float> x);

/// log softmax(logits).
[[nodiscard]] std::vector<double> reference_log_softmax(std::span<const double> logits);

/// log P [V] of one row of a batch; the log-softmax of its logits where the lease is null.
[[nodiscard]] std::vector<double> reference_row(const Head& head, const Batch& batch,
                                                std::int64_t row);

}  // namespace pema::test
