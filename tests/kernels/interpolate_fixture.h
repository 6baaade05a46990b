/// Mixtures in float64, and what the tests of `interpolate` expect of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/interpolate.h"

namespace pema::kernels {

inline constexpr float kInf = std::numeric_limits<float>::infinity();

inline double log_sum_exp(const float* logits, std::int64_t count) {
  double highest = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < count; ++i) {
    highest = std::max(highest, static_cast<double>(logits[i]));
  }
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += std::exp(static_cast<double>(logits[i]) - highest);
  }
  return highest + std::log(sum);
}

inline double log_add(double a, double b) {
  if (a < b) std::swap(a, b);
  return std::isinf(a) ? a : a + std::log1p(std::exp(b - a));
}

inline std::vector<double> reference(const MixtureRow& row, std::int64_t vocab) {
  std::vector<double> out(static_cast<std::size_t>(vocab),
                          -std::numeric_limits<double>::infinity());
  const auto add = [&](const float* logits, double weight) {
    if (weight == 0.0) return;
    const double sum = log_sum_exp(logits, vocab);
    for (std::int64_t v = 0; v < vocab; ++v) {
      double& value = out[static_cast<std::size_t>(v)];
      value = log_add(value, std::log(weight) + static_cast<double>(logits[v]) - sum);
    }
  };
  add(row.base, row.base_weight);
  add(row.personal, row.personal_weight);
  for (const WordMass& word : row.recalled) {
    double& value = out[static_cast<std::size_t>(word.token)];
    value = log_add(value, std::log(word.mass));
  }
  return out;
}

/// `interpolate` on one row, which is also checked word by word against `interpolate_targets`.
inline std::vector<float> mix(const MixtureRow& row, std::int64_t vocab) {
  ThreadPool pool(1);
  std::vector<float> out(static_cast<std::size_t>(vocab));
  const std::vector<MixtureRow> rows(1, row);
  interpolate(rows, vocab, std::vector<float*>{out.data()}, pool);
  for (std::int64_t v = 0; v < vocab; ++v) {
    std::vector<double> at(1);
    interpolate_targets(rows, vocab, std::vector<std::int64_t>{v}, at, pool);
    EXPECT_EQ(at[0], static_cast<double>(out[static_cast<std::size_t>(v)])) << v;
  }
  return out;
}

inline void expect_near(const std::vector<float>& out, const std::vector<double>& expected) {
  for (std::size_t v = 0; v < out.size(); ++v) {
    if (std::isinf(expected[v])) {
      EXPECT_EQ(static_cast<double>(out[v]), expected[v]) << v;
    } else {
      // kernels/README.md: 3e-6 absolute and 2.4e-7 relative.
      EXPECT_NEAR(static_cast<double>(out[v]), expected[v], 3e-6 + 2.4e-7 * std::abs(expected[v]))
          << v;
    }
  }
}

}  // namespace pema::kernels
