#include "kernels/shortlist.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "pema/error.h"

namespace pema::kernels {
namespace {

// Thresholds are floats that end in so many zero bits: three bits of mantissa, eight steps an
// octave.
constexpr int kStepBits = 20;
// Keeps the promise on the neglected mass true in exact arithmetic: both sums are within 46 u of
// their own, u = 2^-24.
constexpr double kMargin = 0x1p-16;

std::uint32_t step_of(float threshold) {
  return std::bit_cast<std::uint32_t>(threshold) >> kStepBits;
}

float threshold_at(std::uint32_t step) { return std::bit_cast<float>(step << kStepBits); }

struct Cut {
  float threshold = 0;
  double mass = 0;  ///< below it
};

/// The highest cut on the grid, at most 1, below which lies at most `allowed`.
Cut highest_cut(std::span<const float> exponentials, double allowed) {
  // Here all words together would stay within `allowed`.
  std::uint32_t low =
      step_of(static_cast<float>(allowed / static_cast<double>(exponentials.size())));
  std::uint32_t high = step_of(1.0F) + 1;
  std::optional<double> mass;
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    const double below = mass_below(exponentials, threshold_at(middle));
    if (below <= allowed) {
      low = middle;
      mass = below;
    } else {
      high = middle;
    }
  }
  return {threshold_at(low), mass ? *mass : mass_below(exponentials, threshold_at(low))};
}

}  // namespace

Shortlist make_shortlist(std::span<const float> logits, double neglected_mass,
                         float* exponentials) {
  Shortlist list;
  list.sums = logit_sums(logits, exponentials);
  PEMA_CHECK(std::isfinite(list.sums.maximum) && std::isfinite(list.sums.sum), kInvalidArgument,
             "shortlist: the base logits hold NaN, +inf or nothing but -inf");
  const std::span<const float> kept(exponentials, logits.size());
  const Cut cut = highest_cut(kept, neglected_mass * list.sums.sum * (1.0 - kMargin));
  list_from(kept, cut.threshold, list.words);
  list.neglected = cut.mass;
  list.base.resize(list.words.size());
  std::transform(list.words.begin(), list.words.end(), list.base.begin(),
                 [&](std::int32_t word) { return logits[static_cast<std::size_t>(word)]; });
  return list;
}

}  // namespace pema::kernels
