#include "kernels/shortlist.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

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

/// Between which steps of the grid the cut lies: below `low` lies at most what is allowed, below
/// `high` more, or `high` is above 1.
struct Range {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  double mass = 0;  ///< below `low`

  /// Halves the range, asking `mass_at` a step, until it is `width` steps wide.
  template <typename MassAt>
  void narrow(std::uint32_t width, double allowed, const MassAt& mass_at) {
    while (high - low > width) {
      const std::uint32_t middle = low + (high - low) / 2;
      const double below = mass_at(middle);
      if (below <= allowed) {
        low = middle;
        mass = below;
      } else {
        high = middle;
      }
    }
  }
};

// So wide that few words are left to look through, after few passes over all of them.
constexpr std::uint32_t kFewSteps = 24;

/// The words from the highest cut on, below which lies at most `allowed` of the exponentials; what
/// lies below it.
double cut(std::span<const float> exponentials, double allowed, std::vector<std::int32_t>& words) {
  // Below the first step all words together would stay within `allowed`.
  Range range{step_of(static_cast<float>(allowed / static_cast<double>(exponentials.size()))),
              step_of(1.0F) + 1};
  const std::uint32_t first = range.low;
  range.narrow(kFewSteps, allowed,
               [&](std::uint32_t step) { return mass_below(exponentials, threshold_at(step)); });
  if (range.low == first) range.mass = mass_below(exponentials, threshold_at(first));
  list_from(exponentials, threshold_at(range.low), words);
  std::vector<float> values(words.size());
  std::transform(words.begin(), words.end(), values.begin(),
                 [&](std::int32_t word) { return exponentials[static_cast<std::size_t>(word)]; });
  const double outside = range.mass;
  range.narrow(1, allowed, [&](std::uint32_t step) {
    return outside + mass_below(values, threshold_at(step));
  });
  const float threshold = threshold_at(range.low);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (values[i] >= threshold) words[kept++] = words[i];
  }
  words.resize(kept);
  return range.mass;
}

}  // namespace

Shortlist make_shortlist(std::span<const float> logits, double neglected_mass,
                         float* exponentials) {
  Shortlist list;
  list.sums = logit_sums(logits, exponentials);
  PEMA_CHECK(std::isfinite(list.sums.maximum) && std::isfinite(list.sums.sum), kInvalidArgument,
             "shortlist: the base logits hold NaN, +inf or nothing but -inf");
  const std::span<const float> kept(exponentials, logits.size());
  list.neglected = cut(kept, neglected_mass * list.sums.sum * (1.0 - kMargin), list.words);
  list.base.resize(list.words.size());
  std::transform(list.words.begin(), list.words.end(), list.base.begin(),
                 [&](std::int32_t word) { return logits[static_cast<std::size_t>(word)]; });
  return list;
}

}  // namespace pema::kernels
