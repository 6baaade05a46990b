#include "kernels/mix_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/shortlist.h"
#include "pema/error.h"

namespace pema::kernels {
namespace {

// Columns of a stretch: its logits and exponentials stay in the first-level cache between the
// search for the maximum and the sum, and 49,152 words are 12 of them.
constexpr std::int64_t kStretch = 4096;
constexpr double kMinusInf = -std::numeric_limits<double>::infinity();

/// log(exp(a) + exp(b)).
double log_add(double a, double b) {
  const double high = std::max(a, b);
  return high == kMinusInf ? high : high + std::log1p(std::exp(std::min(a, b) - high));
}

float add_mass(float dense, double mass) {
  if (mass <= 0.0) return dense;
  return static_cast<float>(log_add(static_cast<double>(dense), std::log(mass)));
}

void check_sums(float maximum, double sum, const char* name, std::size_t index) {
  PEMA_CHECK(std::isfinite(maximum) && std::isfinite(sum), kInvalidArgument, "interpolate: the ",
             name, " logits of row ", index, " hold NaN, +inf or nothing but -inf");
}

}  // namespace

RowMix::RowMix(const MixtureRow& row, std::int64_t vocab, std::size_t index, float* scratch)
    : row_(&row), vocab_(vocab), index_(index) {
  if (shortlist() != nullptr) return;
  base_ = source(row.base, row.base_weight, "base");
  personal_ = source(row.personal, row.personal_weight, "personal");
  // A source that is alone needs no exponentials after their sum.
  if (scratch == nullptr || base_.logits == nullptr || personal_.logits == nullptr) return;
  base_.exponentials = scratch;
  personal_.exponentials = scratch + vocab;
}

const Shortlist* RowMix::shortlist() const {
  return row_->personal_weight > 0.0 ? row_->shortlist : nullptr;
}

std::int64_t RowMix::stretches(std::int64_t vocab) { return (vocab + kStretch - 1) / kStretch; }

RowMix::Source RowMix::source(const float* logits, double weight, const char* name) const {
  Source source;
  if (weight <= 0.0) return source;
  PEMA_CHECK(logits != nullptr, kInvalidArgument, "interpolate: row ", index_, " has no ", name,
             " logits but gives them weight");
  source.logits = logits;
  source.weight = weight;
  source.sums.resize(static_cast<std::size_t>(stretches(vocab_)));
  return source;
}

void RowMix::add_up(std::int64_t stretch) {
  const std::int64_t first = stretch * kStretch;
  const auto count = static_cast<std::size_t>(std::min(kStretch, vocab_ - first));
  for (Source* source : {&base_, &personal_}) {
    if (source->logits == nullptr) continue;
    source->sums[static_cast<std::size_t>(stretch)] =
        near_sums({source->logits + first, count},
                  source->exponentials == nullptr ? nullptr : source->exponentials + first);
  }
}

void RowMix::join(Source& source, const char* name) const {
  if (source.logits == nullptr) return;
  source.maximum = source.sums.front().maximum;
  for (const LogitSums& part : source.sums) {
    source.maximum = std::max(source.maximum, part.maximum);
  }
  for (const LogitSums& part : source.sums) {
    source.sum += part.sum *
                  std::exp(static_cast<double>(part.maximum) - static_cast<double>(source.maximum));
  }
  check_sums(source.maximum, source.sum, name, index_);
}

void RowMix::join() {
  if (shortlist() != nullptr) return join_shortlist();
  join(base_, "base");
  join(personal_, "personal");
}

void RowMix::join_shortlist() {
  const Shortlist& list = *row_->shortlist;
  PEMA_CHECK(row_->base != nullptr && list.personal.size() == list.words.size(), kInvalidArgument,
             "interpolate: row ", index_, " has a shortlist of ", list.words.size(), " words with ",
             list.personal.size(), " personal logits",
             row_->base == nullptr ? " and no base logits" : "");
  const LogitSums personal = logit_sums(list.personal);
  check_sums(personal.maximum, personal.sum, "personal", index_);
  const auto base_maximum = static_cast<double>(list.sums.maximum);
  const auto personal_maximum = static_cast<double>(personal.maximum);
  // log of what all personal exponentials sum to: those of the list, and base ones elsewhere.
  const double log_sum =
      log_add(personal_maximum + std::log(personal.sum), base_maximum + std::log(list.neglected));
  const double log_base = std::log(row_->base_weight) - std::log(list.sums.sum);
  const double log_personal = std::log(row_->personal_weight) - log_sum;
  others_.logits = row_->base;
  others_.maximum = list.sums.maximum;
  others_.log_share = static_cast<float>(log_add(log_base, log_personal + base_maximum));
  listed_.personal.logits = list.personal.data();
  listed_.personal.maximum = personal.maximum;
  listed_.personal.share = static_cast<float>(std::exp(log_personal + personal_maximum));
  listed_.personal.log_share = static_cast<float>(log_personal + personal_maximum);
  if (row_->base_weight <= 0.0) return;
  listed_.base.logits = list.base.data();
  listed_.base.maximum = list.sums.maximum;
  listed_.base.share = static_cast<float>(row_->base_weight / list.sums.sum);
  listed_.base.log_share = static_cast<float>(log_base);
}

DenseMix RowMix::from(std::int64_t column) const {
  DenseMix mix;
  if (shortlist() != nullptr) {
    mix.base = others_;
    mix.base.logits += column;
    return mix;
  }
  const auto part = [&](const Source& source) {
    MixSource result;
    if (source.logits == nullptr) return result;
    const LogitSums& sums = source.sums[static_cast<std::size_t>(column / kStretch)];
    result.logits = source.logits + column;
    result.exponentials = source.exponentials == nullptr ? nullptr : source.exponentials + column;
    // A stretch of -inf alone has no maximum; its words then have no share and log P = -inf.
    const bool possible = sums.sum > 0.0;
    result.maximum = possible ? sums.maximum : source.maximum;
    const double below = static_cast<double>(result.maximum) - static_cast<double>(source.maximum);
    result.share =
        possible ? static_cast<float>(source.weight * std::exp(below) / source.sum) : 0.0F;
    result.log_share = static_cast<float>(std::log(source.weight) + below - std::log(source.sum));
    return result;
  };
  mix.base = part(base_);
  mix.personal = part(personal_);
  return mix;
}

void RowMix::mix(std::int64_t stretch, float* out) const {
  const std::int64_t first = stretch * kStretch;
  mix_dense(from(first), std::min(kStretch, vocab_ - first), out + first);
}

void RowMix::finish(float* out) const {
  if (const Shortlist* list = shortlist()) {
    std::vector<float> listed(list->words.size());
    mix_dense(listed_, std::ssize(listed), listed.data());
    for (std::size_t i = 0; i < listed.size(); ++i) out[list->words[i]] = listed[i];
  }
  for (const WordMass& word : row_->recalled)
    out[word.token] = add_mass(out[word.token], word.mass);
}

float RowMix::at(std::int64_t word) const {
  DenseMix mix = from(word);
  if (const Shortlist* list = shortlist()) {
    const auto found = std::lower_bound(list->words.begin(), list->words.end(), word);
    if (found != list->words.end() && *found == word) {
      const std::int64_t place = found - list->words.begin();
      mix = listed_;
      mix.personal.logits += place;
      if (mix.base.logits != nullptr) mix.base.logits += place;
    }
  }
  float value = 0.0F;
  mix_dense(mix, 1, &value);
  const auto& words = row_->recalled;
  const auto found =
      std::lower_bound(words.begin(), words.end(), word,
                       [](const WordMass& mass, std::int64_t w) { return mass.token < w; });
  return found != words.end() && found->token == word ? add_mass(value, found->mass) : value;
}

}  // namespace pema::kernels
