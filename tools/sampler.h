/// Choosing the next token from a distribution.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace pema::tools {

/// Truncation is applied to the distribution as it is, in the order top_k, top_p, min_p; the
/// temperature then reshapes what is left (llama.cpp's order).
struct SamplingOptions {
  double temperature = 0.0;  ///< 0: always the likeliest token
  std::int64_t top_k = 0;    ///< 0: no limit
  double top_p = 1.0;        ///< in (0, 1]: the smallest set of likeliest tokens with this mass
  double min_p = 0.0;        ///< in [0, 1]: tokens below min_p times the largest are dropped
  std::uint64_t seed = 0;

  /// Throws kInvalidArgument, naming the option.
  void validate() const;
};

/// The same options, seed and scores give the same tokens on every machine with the same libm.
/// Thread-safety: one thread at a time.
class Sampler {
 public:
  /// Throws as SamplingOptions::validate.
  explicit Sampler(const SamplingOptions& options);

  /// A token from softmax(scores), scores [V]; minus infinity excludes a word. Ties go to the
  /// lowest token. Throws kInvalidArgument when there is no score, a NaN, or nothing above minus
  /// infinity.
  [[nodiscard]] std::int32_t sample(std::span<const float> scores);

 private:
  using Candidate = std::pair<double, std::int32_t>;  ///< probability, token
  void truncate();

  SamplingOptions options_;
  std::mt19937_64 random_;
  std::vector<Candidate> candidates_;
};

/// log softmax(scores)[token]. Throws kInvalidArgument when `token` is outside [0, V).
[[nodiscard]] double log_probability(std::span<const float> scores, std::int32_t token);

}  // namespace pema::tools
