/// Seeded random matrices and vectors.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "pema/tensor_view.h"

namespace pema::test {

/// [rows, cols] normal numbers of the given deviation.
inline Matrix<float> random_matrix(std::mt19937& random, std::int64_t rows, std::int64_t cols,
                                   float deviation = 1.0F) {
  Matrix<float> matrix(rows, cols);
  std::normal_distribution<float> normal(0.0F, deviation);
  for (std::int64_t i = 0; i < rows * cols; ++i) matrix.data()[i] = normal(random);
  return matrix;
}

/// `count` numbers, uniform in [low, high).
inline std::vector<float> random_vector(std::mt19937& random, std::int64_t count, float low,
                                        float high) {
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

}  // namespace pema::test
