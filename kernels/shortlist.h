/// Shortlists: the words that hold all but a given part of a row's base probability.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/interpolate.h"

namespace pema::kernels {

/// The words of one row on which personal logits are computed; every other word keeps its base
/// logit. Vocabulary shortlists are from neural translation; here the row's own base distribution
/// chooses. What they neglect: docs/numerics.md.
struct Shortlist {
  std::vector<std::int32_t> words;  ///< [n], rising, n >= 1
  std::vector<float> base;          ///< [n] base logits of the words
  std::vector<float> personal;      ///< [n] personal logits; whoever projects fills them
  LogitSums sums;                   ///< of all base logits
  double neglected = 0;             ///< sum of exp(l - sums.maximum) over the other words
};

/// The smallest set {w : exp(l_w - max l) >= t}, t from a grid of eight steps an octave, whose
/// complement has at most `neglected_mass` > 0 of softmax(logits [V]). Holds the likeliest word
/// always, and every word where nothing may be neglected. `exponentials` [V] is scratch. A function
/// of the row alone. Throws kInvalidArgument when the logits hold NaN, +inf or nothing but -inf.
/// Thread-safety: reentrant, serial.
[[nodiscard]] Shortlist make_shortlist(std::span<const float> logits, double neglected_mass,
                                       float* exponentials);

/// Sum of the values below `threshold`, values >= 0. In one fixed order, lanes within 64 vectors,
/// then blocks in float64; a higher threshold never gives less. Unchecked. Thread-safety:
/// reentrant.
[[nodiscard]] double mass_below(std::span<const float> values, float threshold);

/// Appends the places of the values >= `threshold` to `words`, rising. Unchecked. Thread-safety:
/// reentrant.
void list_from(std::span<const float> values, float threshold, std::vector<std::int32_t>& words);

}  // namespace pema::kernels
