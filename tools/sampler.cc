#include "tools/sampler.h"

#include <algorithm>
#include <cmath>

#include "kernels/interpolate.h"
#include "pema/error.h"
#include "pema/top_words.h"

namespace pema::tools {
namespace {

/// Index of the largest score, the first of equals.
std::int32_t likeliest(std::span<const float> scores) {
  PEMA_CHECK(!scores.empty(), kInvalidArgument, "there are no scores to sample from");
  const float best = kernels::highest_logit(scores);
  if (std::isnan(best)) {
    const auto bad =
        std::find_if(scores.begin(), scores.end(), [](float s) { return std::isnan(s); });
    fail(ErrorCode::kInvalidArgument, "the score of token ", bad - scores.begin(),
         " is not a number");
  }
  PEMA_CHECK(std::isfinite(best), kInvalidArgument,
             "no token has a finite score; the model's output is damaged");
  return static_cast<std::int32_t>(std::find(scores.begin(), scores.end(), best) - scores.begin());
}

bool before(const std::pair<double, std::int32_t>& a, const std::pair<double, std::int32_t>& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
}

}  // namespace

void SamplingOptions::validate() const {
  PEMA_CHECK(temperature >= 0 && std::isfinite(temperature), kInvalidArgument,
             "the temperature must be 0 or more, not ", temperature);
  PEMA_CHECK(top_k >= 0, kInvalidArgument, "top-k must be 0 (no limit) or more, not ", top_k);
  PEMA_CHECK(top_p > 0 && top_p <= 1, kInvalidArgument, "top-p must be in (0, 1], not ", top_p);
  PEMA_CHECK(min_p >= 0 && min_p <= 1, kInvalidArgument, "min-p must be in [0, 1], not ", min_p);
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {
  options.validate();
}

void Sampler::truncate() {
  if (options_.top_p < 1) {
    std::sort(candidates_.begin(), candidates_.end(), before);
    double mass = 0;
    for (const Candidate& candidate : candidates_) mass += candidate.first;
    double seen = 0;
    std::size_t count = 0;
    while (count < candidates_.size() && seen < options_.top_p * mass) {
      seen += candidates_[count++].first;
    }
    candidates_.resize(std::max<std::size_t>(count, 1));
  }
  if (options_.min_p > 0) {
    double best = 0;
    for (const Candidate& candidate : candidates_) best = std::max(best, candidate.first);
    std::erase_if(candidates_, [&](const Candidate& c) { return c.first < options_.min_p * best; });
  }
}

std::int32_t Sampler::sample(std::span<const float> scores) {
  const std::int32_t best = likeliest(scores);
  if (options_.temperature == 0) return best;
  const double top = scores[static_cast<std::size_t>(best)];
  candidates_.clear();
  const auto consider = [&](float score, std::int32_t token) {
    const double probability = std::exp(score - top);
    if (probability > 0) candidates_.emplace_back(probability, token);
  };
  if (options_.top_k > 0) {
    for (const WordScore& word : top_words(scores, options_.top_k))
      consider(word.score, word.token);
  } else {
    for (std::size_t i = 0; i < scores.size(); ++i) {
      consider(scores[i], static_cast<std::int32_t>(i));
    }
  }
  truncate();
  double mass = 0;
  for (Candidate& candidate : candidates_) {
    candidate.first = std::pow(candidate.first, 1.0 / options_.temperature);
    mass += candidate.first;
  }
  // 53 random bits: std::uniform_real_distribution may differ between libraries.
  double rest = static_cast<double>(random_() >> 11) * 0x1p-53 * mass;
  for (const Candidate& candidate : candidates_) {
    rest -= candidate.first;
    if (rest < 0) return candidate.second;
  }
  return best;
}

double log_probability(std::span<const float> scores, std::int32_t token) {
  PEMA_CHECK(token >= 0 && token < static_cast<std::int64_t>(scores.size()), kInvalidArgument,
             "token ", token, " is outside the ", scores.size(), " scores");
  const kernels::LogitSums sums = kernels::logit_sums(scores);
  PEMA_CHECK(std::isfinite(sums.maximum) && std::isfinite(sums.sum), kInvalidArgument,
             "a score is not a number, or no token has a finite one");
  return static_cast<double>(scores[static_cast<std::size_t>(token)]) -
         static_cast<double>(sums.maximum) - std::log(sums.sum);
}

}  // namespace pema::tools
