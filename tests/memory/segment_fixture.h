/// Random unit keys and segments for the tests of memory.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "pema/codebook.h"
#include "pema/memory.h"

namespace pema::test {

inline constexpr std::int64_t kVocab = 100'000;

/// [rows, cols] random unit rows.
[[nodiscard]] inline Matrix<float> unit_rows(std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Matrix<float> matrix(rows, cols);
  for (std::int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < cols; ++c) {
      matrix.row(r)[c] = normal(random);
      sum += static_cast<double>(matrix.row(r)[c]) * static_cast<double>(matrix.row(r)[c]);
    }
    for (std::int64_t c = 0; c < cols; ++c) {
      matrix.row(r)[c] = static_cast<float>(static_cast<double>(matrix.row(r)[c]) / std::sqrt(sum));
    }
  }
  return matrix;
}

/// [rows, cols] unit rows around a few directions, so that lists of an index mean something.
[[nodiscard]] inline Matrix<float> clustered_rows(std::int64_t rows, std::int64_t cols,
                                                  unsigned seed) {
  Matrix<float> keys = unit_rows(rows, cols, seed);
  const Matrix<float> middle = unit_rows(10, cols, 77);
  for (std::int64_t r = 0; r < rows; ++r) {
    double square = 0;
    for (std::int64_t c = 0; c < cols; ++c) {
      float& v = keys.row(r)[c];
      v = 0.4F * v + middle.row(r % 10)[c];
      square += static_cast<double>(v) * static_cast<double>(v);
    }
    for (float& v : keys.view().row_span(r)) v /= static_cast<float>(std::sqrt(square));
  }
  return keys;
}

/// What a segment of width `hidden` says about itself.
[[nodiscard]] inline SegmentInfo segment_info(std::int64_t hidden) {
  SegmentInfo info;
  info.model = sha256("model");
  info.site = FeatureSite::kPreNorm;
  info.hidden = hidden;
  info.vocab = kVocab;
  return info;
}

/// A segment of these keys; entry i has the token first_token + i.
[[nodiscard]] inline std::shared_ptr<const Segment> segment_of(const Matrix<float>& keys,
                                                               std::int32_t first_token = 0) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    tokens.push_back(first_token + static_cast<std::int32_t>(i));
  }
  return Segment::make(segment_info(keys.cols()), keys.view(), tokens);
}

/// A codebook of random centroids for keys of that kind.
[[nodiscard]] inline std::shared_ptr<const Codebook> codebook_of(const SegmentInfo& segment,
                                                                 std::int64_t parts) {
  CodebookInfo info{segment.model, segment.site, segment.hidden, parts};
  const Matrix<float> rows = unit_rows(Codebook::kCentroids, segment.hidden, 77);
  std::vector<float> centroids;
  for (std::int64_t c = 0; c < segment.hidden; ++c) {
    for (std::int64_t j = 0; j < Codebook::kCentroids; ++j) centroids.push_back(rows.row(j)[c]);
  }
  return Codebook::make(info, {centroids});
}

/// segment_of with rounded keys; product-quantised ones in `parts` bytes, by default one for every
/// three dimensions or so.
[[nodiscard]] inline std::shared_ptr<const Segment> rounded_segment(KeyType type,
                                                                    const Matrix<float>& keys,
                                                                    std::int32_t first_token = 0,
                                                                    std::int64_t parts = 0) {
  SegmentInfo info = segment_info(keys.cols());
  info.keys = type;
  if (parts == 0) parts = (keys.cols() + 2) / 3;
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    tokens.push_back(first_token + static_cast<std::int32_t>(i));
  }
  return Segment::make(info, keys.view(), tokens,
                       type == KeyType::kProductQuantised ? codebook_of(info, parts) : nullptr);
}

/// Types of keys that are not kept as they are given.
inline constexpr std::array kRounded = {KeyType::kFloat16, KeyType::kInt8,
                                        KeyType::kProductQuantised};

/// Where a segment that is read again finds its codebook.
[[nodiscard]] inline CodebookSource source_of(const std::shared_ptr<const Segment>& segment) {
  return [segment](const Digest&) { return segment->codebook(); };
}

}  // namespace pema::test
