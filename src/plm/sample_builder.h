/// Rows of a run, gathered into a sample set.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pema/plm/language_model.h"

namespace pema::plm {

/// Gathers the rows of some documents, which may arrive in turns; rows of one document rise.
/// Thread-safety: one thread at a time.
class SampleBuilder {
 public:
  /// Room for every target token of `documents`, features of width `hidden`.
  SampleBuilder(std::span<const Document> documents, std::int64_t hidden);
  void add(std::int64_t document, std::int64_t row, std::span<const float> feature);
  /// The rows that came, document after document. Leaves the builder empty.
  [[nodiscard]] SampleSet finish();

 private:
  std::span<const Document> documents_;
  Matrix<float> features_;
  std::vector<std::int64_t> start_;  ///< [documents + 1] room for each document
  std::vector<std::int64_t> came_;   ///< [documents] rows so far
};

}  // namespace pema::plm
