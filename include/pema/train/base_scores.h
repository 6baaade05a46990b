/// What the base model alone says of the rows that people train on: one pass of every row through
/// the whole head, kept for the next call over the same rows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "pema/digest.h"
#include "pema/model.h"
#include "pema/samples.h"

namespace pema::train {

struct Base;

/// The part of the base distribution that a restricted loss needs besides the rows themselves.
struct BaseScore {
  std::vector<float> log_partition;  ///< [n] log sum_w exp(W x)_w of each row
  std::vector<float> word_mass;      ///< [V] sum over the rows of softmax(W x)
};

/// A memo of base scores. A sample set is known by the SHA-256 of its features, so nothing here
/// refers to the caller's memory; one object serves one base model, and 4 (n + V) bytes per sample
/// set are held until `clear`. Thread-safety: one thread at a time.
class BaseScores {
 public:
  /// The score of `samples`, computed when it is new. The result stays valid after `clear`.
  /// Throws kMismatch when `base` is another model or site than the one before, or the width
  /// differs.
  [[nodiscard]] std::shared_ptr<const BaseScore> get(const Base& base, const Samples& samples);

  /// Bytes held.
  [[nodiscard]] std::int64_t bytes() const noexcept;
  /// Rows that went through the head so far; rows found in the memo do not count.
  [[nodiscard]] std::int64_t computed_rows() const noexcept { return computed_rows_; }
  void clear() noexcept { scores_.clear(); }

 private:
  Digest model_;
  FeatureSite site_ = FeatureSite::kPostNorm;
  std::map<Digest, std::shared_ptr<const BaseScore>> scores_;
  std::int64_t computed_rows_ = 0;
};

}  // namespace pema::train
