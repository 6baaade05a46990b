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
/// Writes exp(l - maximum) to `exponentials` [V] unless that is null. Unchecked. Thread-safety:
/// reentrant.
[[nodiscard]] LogitSums logit_sums(std::span<const float> logits, float* exponentials = nullptr);

/// One dense source of a row: gives word w the probability share exp(logit_w - maximum).
struct MixSource {
  const float* logits = nullptr;        ///< null: the source is off
  const float* exponentials = nullptr;  ///< from logit_sums; null: computed again, the same bits
  float maximum = 0;
  float share = 0;  ///< weight / sum
  float log_share = 0;
};

struct DenseMix {
  MixSource base;
  MixSource personal;
};

/// Columns [0, count) of log(base + personal). `out` may be `personal.logits`. Elementwise: a
/// column's bits do not depend on count. Unchecked. Thread-safety: reentrant.
void mix_dense(const DenseMix& mix, std::int64_t count, float* out);

}  // namespace pema::kernels
