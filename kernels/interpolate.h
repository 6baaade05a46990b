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

struct Shortlist;

/// One row of the mixture
///   P = base_weight softmax(base) + personal_weight softmax(personal) + recalled.
struct MixtureRow {
  const float* base = nullptr;         ///< [V] logits; may be null when its weight is 0
  const float* personal = nullptr;     ///< [V] logits; may be null when its weight is 0
  double base_weight = 0;              ///< in [0, 1]
  double personal_weight = 0;          ///< in [0, 1]
  std::span<const WordMass> recalled;  ///< by rising token, tokens in [0, V), masses >= 0
  /// Null, or the words on which the personal logits are the list's; elsewhere they are the base's,
  /// and `personal` is not read. Its `base` and sums must be those of `base`.
  const Shortlist* shortlist = nullptr;
};

/// out[b][w] = log P_b(w) for every row: finite wherever a source with positive weight gives w any
/// mass, also where the probability itself underflows; -inf where all give exactly 0. `out` rows
/// are pointers to [V]; out[b] may be rows[b].personal. A logit of -inf means probability 0. Rows,
/// or where they are few stretches of their columns, are split over `pool`; rows never influence
/// one another and the split no bit. Throws kInvalidArgument when a source with positive weight
/// holds NaN, +inf or nothing but -inf, naming the row.
void interpolate(std::span<const MixtureRow> rows, std::int64_t vocab, std::span<float* const> out,
                 ThreadPool& pool);

/// out[b] = log P_b(targets[b]), the same bits as `interpolate` gives at that word; targets in
/// [0, V).
void interpolate_targets(std::span<const MixtureRow> rows, std::int64_t vocab,
                         std::span<const std::int64_t> targets, std::span<double> out,
                         ThreadPool& pool);

/// The largest of the logits; NaN when one is, -inf when there are none. Thread-safety: reentrant.
[[nodiscard]] float highest_logit(std::span<const float> logits);

/// What softmax needs to know of logits [V]: softmax(l)_w = exp(l_w - maximum) / sum.
struct LogitSums {
  float maximum = 0;
  double sum = 0;  ///< of exp(l - maximum); NaN when a logit is
};

/// Two passes over the logits, in one fixed order: lanes within 16 vectors, then blocks in float64.
/// Writes exp(l - maximum) to `exponentials` [V] unless that is null. Logits that are all -inf have
/// sum and exponentials 0. Unchecked. Thread-safety: reentrant.
[[nodiscard]] LogitSums logit_sums(std::span<const float> logits, float* exponentials = nullptr);

/// The same sum [V >= 1] with less work: where all logits lie near the first one, that stands for
/// the maximum and one pass is enough. In the order of logit_sums. Unchecked. Thread-safety:
/// reentrant.
[[nodiscard]] LogitSums near_sums(std::span<const float> logits, float* exponentials = nullptr);

/// Part of one dense source of a row: gives word w the probability share exp(logit_w - maximum).
struct MixSource {
  const float* logits = nullptr;        ///< null: the source is off
  const float* exponentials = nullptr;  ///< from logit_sums; null: computed again, the same bits
  float maximum = 0;                    ///< of these columns
  float share = 0;      ///< of what lies at `maximum`: weight / sum, where it is the row's maximum
  float log_share = 0;  ///< its logarithm, finite where `share` underflows
};

struct DenseMix {
  MixSource base;
  MixSource personal;
};

/// Columns [0, count) of log(base + personal). `out` may be `personal.logits`. Elementwise: a
/// column's bits do not depend on count. Unchecked. Thread-safety: reentrant.
void mix_dense(const DenseMix& mix, std::int64_t count, float* out);

}  // namespace pema::kernels
