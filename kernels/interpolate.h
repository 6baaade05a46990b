/// The last step: base logits, personal logits and recalled words -> log-probabilities.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/parallel.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// Probability mass that recall gives to one word, its weight already multiplied in.
struct WordMass {
  std::int32_t token = 0;
  double mass = 0;
};

/// One row of the mixture
///   P = base_weight softmax(base) + personal_weight softmax(personal) + recalled.
struct MixtureRow {
  const float* base = nullptr;         ///< [V] logits; may be null when its weight is 0
  const float* personal = nullptr;     ///< [V] logits; may be null when its weight is 0
  double base_weight = 0;              ///< in [0, 1]
  double personal_weight = 0;          ///< in [0, 1]
  std::span<const WordMass> recalled;  ///< by rising token, tokens in [0, V), masses >= 0
};

/// out[b][w] = log P_b(w) for every row: finite wherever a source with positive weight gives w any
/// mass, also where the probability itself underflows; -inf where all give exactly 0. `out` rows
/// are pointers to [V]; out[b] may be rows[b].personal. A logit of -inf means probability 0. Rows
/// are split over `pool` and never influence one another. Throws kInvalidArgument when a source
/// with positive weight holds NaN, +inf or nothing but -inf, naming the row.
void interpolate(std::span<const MixtureRow> rows, std::int64_t vocab, std::span<float* const> out,
                 ThreadPool& pool);

/// out[b] = log P_b(targets[b]), the same bits as `interpolate` gives at that word; targets in
/// [0, V).
void interpolate_targets(std::span<const MixtureRow> rows, std::int64_t vocab,
                         std::span<const std::int64_t> targets, std::span<double> out,
                         ThreadPool& pool);

/// What softmax needs to know of logits [V]: softmax(l)_w = exp(l_w - maximum) / sum.
struct LogitSums {
  float maximum = 0;
  double sum = 0;  ///< of exp(l - maximum); NaN when a logit is
};

/// Two passes over the logits, in one fixed order: lanes within 16 vectors, then blocks in float64.
/// Unchecked. Thread-safety: reentrant.
[[nodiscard]] LogitSums logit_sums(std::span<const float> logits);

/// Constants of one row's dense part: log P_dense(w) = logaddexp(base_w - base_max + base_log,
/// personal_w - personal_max + personal_log); a source that is off has a null pointer.
struct DenseMix {
  const float* base = nullptr;
  const float* personal = nullptr;
  float base_max = 0;
  float base_log = 0;
  float personal_max = 0;
  float personal_log = 0;
};

/// Columns [0, count) of the dense part. `out` may be `personal`. Elementwise: a column's bits do
/// not depend on count. Unchecked. Thread-safety: reentrant.
void mix_dense(const DenseMix& mix, std::int64_t count, float* out);

}  // namespace pema::kernels
