/// Teacher-forced training and test material: one feature vector and the token that came next, per
/// target token.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pema/error.h"
#include "pema/tensor_view.h"

namespace pema {

/// Non-owning view. features [n, d] f32 at one feature site; targets [n], the token that came next;
/// document_start [documents + 1] row offsets that never fall, first 0 and last n, so that row i of
/// document j has step t = i - document_start[j]. prompt_length [documents]: tokens of each
/// document's prompt (the source length of Gradual Unrolling).
struct Samples {
  MatrixView<const float> features;
  std::span<const std::int32_t> targets;
  std::span<const std::int64_t> document_start;
  std::span<const std::int64_t> prompt_length;

  [[nodiscard]] std::int64_t rows() const noexcept { return features.rows; }
  [[nodiscard]] std::int64_t documents() const noexcept {
    return static_cast<std::int64_t>(prompt_length.size());
  }
};

/// The same, owning. Thread-safety: like a std::vector.
class SampleSet {
 public:
  SampleSet() = default;
  /// Throws kInvalidArgument when lengths disagree, offsets do not rise from 0 to n (a document may
  /// be empty), or a target or prompt length is negative.
  SampleSet(Matrix<float> features, std::vector<std::int32_t> targets,
            std::vector<std::int64_t> document_start, std::vector<std::int64_t> prompt_length);

  [[nodiscard]] Samples view() const noexcept;
  [[nodiscard]] std::int64_t rows() const noexcept { return features_.rows(); }
  /// Documents [first, last) as a set of their own. Throws kInvalidArgument outside [0, documents].
  [[nodiscard]] SampleSet slice(std::int64_t first, std::int64_t last) const;
  /// All rows of all sets, in order; widths must agree (kMismatch). No sets give an empty set.
  [[nodiscard]] static SampleSet concatenate(std::span<const SampleSet* const> sets);

 private:
  Matrix<float> features_;
  std::vector<std::int32_t> targets_;
  std::vector<std::int64_t> document_start_{0};
  std::vector<std::int64_t> prompt_length_;
};

}  // namespace pema
