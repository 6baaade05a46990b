// Mixtures on the device against float64: sizes around the stretches, extremes, recalled words, bad
// rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cuda/ops.h"
#include "tests/cuda/device_cases.h"
#include "tests/support/random_numbers.h"

namespace pema::test {
namespace {

using kernels::cuda::DeviceMixture;
using kernels::cuda::interpolate;
using kernels::cuda::interpolate_workspace;
using kernels::cuda::kBadBase;
using kernels::cuda::kBadPersonal;

constexpr float kInf = std::numeric_limits<float>::infinity();

/// One call: logits [rows, vocab] and weights per row, recalled words.
struct Mixed {
  std::int64_t vocab = 0;
  std::vector<float> base;
  std::vector<float> personal;
  std::vector<float> base_weight;
  std::vector<float> personal_weight;
  Selection recalled;  // empty: none at all
  std::vector<std::int32_t> status;

  [[nodiscard]] std::int64_t rows() const { return std::ssize(base_weight); }
};

std::vector<float> mix(Mixed& m, bool in_place = false) {
  const std::int64_t rows = m.rows();
  DeviceResult base(rows, m.vocab, m.base);
  DeviceResult personal(rows, m.vocab, m.personal);
  DeviceResult out(rows, m.vocab);
  DeviceArray<const float> base_weight("base weight", m.base_weight);
  DeviceArray<const float> personal_weight("personal weight", m.personal_weight);
  DeviceSelection recalled(m.recalled);
  DeviceArray<std::int32_t> status("status", rows);
  DeviceWorkspace workspace(interpolate_workspace(rows, m.vocab));
  DeviceMixture op;
  op.base = base.as_rows();
  op.personal = personal.as_rows();
  op.base_weight = base_weight.data();
  op.personal_weight = personal_weight.data();
  if (m.recalled.count() > 0) op.recalled = recalled.get();
  op.out = in_place ? personal.get() : out.get();
  op.status = status.data();
  op.workspace = workspace.get();
  interpolate(op, nullptr);
  m.status = status.host();
  return in_place ? personal.host() : out.host();
}

double log_add(double a, double b) {
  if (a < b) std::swap(a, b);
  return std::isinf(a) ? a : a + std::log1p(std::exp(b - a));
}

std::vector<double> reference(const Mixed& m, std::int64_t row) {
  std::vector<double> out(static_cast<std::size_t>(m.vocab), -static_cast<double>(kInf));
  const auto add = [&](const std::vector<float>& logits, float weight) {
    if (weight == 0.0F) return;
    const float* const l = logits.data() + row * m.vocab;
    double highest = -static_cast<double>(kInf);
    for (std::int64_t v = 0; v < m.vocab; ++v)
      highest = std::max(highest, static_cast<double>(l[v]));
    double sum = 0;
    for (std::int64_t v = 0; v < m.vocab; ++v) sum += std::exp(static_cast<double>(l[v]) - highest);
    for (std::int64_t v = 0; v < m.vocab; ++v) {
      double& value = out[static_cast<std::size_t>(v)];
      value = log_add(value, std::log(static_cast<double>(weight)) + static_cast<double>(l[v]) -
                                 highest - std::log(sum));
    }
  };
  const auto at = static_cast<std::size_t>(row);
  add(m.base, m.base_weight[at]);
  add(m.personal, m.personal_weight[at]);
  if (m.recalled.count() > 0) {
    for (std::size_t e = 0; e < m.recalled.rows[at].size(); ++e) {
      double& value = out[static_cast<std::size_t>(m.recalled.rows[at][e])];
      value = log_add(value, std::log(static_cast<double>(m.recalled.weights[at][e])));
    }
  }
  return out;
}

/// kernels/cuda/README.md: 4e-6 absolute and 8 roundings of log P.
void expect_near(Mixed& m, bool in_place = false) {
  const std::vector<float> out = mix(m, in_place);
  for (std::int64_t row = 0; row < m.rows(); ++row) {
    ASSERT_EQ(m.status[static_cast<std::size_t>(row)], 0) << row;
    const std::vector<double> expected = reference(m, row);
    for (std::size_t v = 0; v < expected.size(); ++v) {
      const double got = static_cast<double>(out[static_cast<std::size_t>(row * m.vocab) + v]);
      if (std::isinf(expected[v])) {
        ASSERT_EQ(got, expected[v]) << "vocab " << m.vocab << " row " << row << " word " << v;
      } else {
        ASSERT_NEAR(got, expected[v], 4e-6 + 8 * kRounding * std::abs(expected[v]))
            << "vocab " << m.vocab << " row " << row << " word " << v;
      }
    }
  }
}

Mixed random_mixture(std::int64_t vocab, float deviation) {
  std::mt19937 random(41);
  Mixed m;
  m.vocab = vocab;
  m.base_weight = {1.0F, 0.0F, 0.25F, 0.5F, 1e-12F, 0.0F};
  m.personal_weight = {0.0F, 1.0F, 0.5F, 0.5F, 1.0F, 0.0F};
  const auto rows = static_cast<std::int64_t>(m.base_weight.size());
  const Matrix<float> base = random_matrix(random, rows, vocab, deviation);
  const Matrix<float> personal = random_matrix(random, rows, vocab, deviation);
  m.base.assign(base.data(), base.data() + rows * vocab);
  m.personal.assign(personal.data(), personal.data() + rows * vocab);
  return m;
}

class Interpolate : public OnDevice {};

TEST_P(Interpolate, MatchesFloat64AroundTheStretches) {
  for (const std::int64_t vocab : {1, 3, 4, 5, 97, 1023, 1024, 1025, 4095, 4096, 4097, 8209}) {
    Mixed m = random_mixture(vocab, 5.0F);
    expect_near(m);
    // Recalled: nothing; the first and the last word; around a stretch's end; alone.
    m.recalled.rows.assign(6, {});
    m.recalled.weights.assign(6, {});
    m.recalled.rows[2] = {0};
    if (vocab > 1) m.recalled.rows[2].push_back(static_cast<std::int32_t>(vocab - 1));
    for (const std::int32_t token : {1, 4095, 4096, 4097}) {
      if (token < vocab) m.recalled.rows[3].push_back(token);
    }
    for (std::int32_t token = 0; token < std::min<std::int64_t>(vocab, 300); ++token) {
      m.recalled.rows[5].push_back(token);
    }
    for (std::size_t r = 0; r < 6; ++r) {
      m.recalled.weights[r].assign(m.recalled.rows[r].size(), 0.125F);
    }
    if (!m.recalled.weights[5].empty()) m.recalled.weights[5][0] = 0.0F;
    m.base_weight[3] = 0.25F;
    const std::vector<float> out = mix(m);
    EXPECT_EQ(out[static_cast<std::size_t>(5 * vocab)], -kInf);  // a mass of 0 adds nothing
    m.recalled.rows[5].erase(m.recalled.rows[5].begin());
    m.recalled.weights[5].erase(m.recalled.weights[5].begin());
    expect_near(m);
    expect_near(m, true);
  }
}

TEST_P(Interpolate, WordsFarBelowTheLikeliestKeepTheirAccuracy) {
  Mixed m = random_mixture(2003, 40.0F);
  expect_near(m);
  Mixed extreme;
  extreme.vocab = 7;
  extreme.base = {0, -300, -1000, -5e4F, -kInf, -kInf, 700};
  extreme.personal = {0, -900, -400, -6e4F, -2000, -kInf, 0};
  extreme.base_weight = {0.5F};
  extreme.personal_weight = {0.5F};
  expect_near(extreme);
}

TEST_P(Interpolate, ARowDoesNotDependOnItsNeighbours) {
  Mixed m = random_mixture(4101, 3.0F);
  const std::vector<float> together = mix(m);
  for (std::int64_t row = 0; row < m.rows(); ++row) {
    Mixed one;
    one.vocab = m.vocab;
    const auto first = static_cast<std::ptrdiff_t>(row * m.vocab);
    const auto last = first + static_cast<std::ptrdiff_t>(m.vocab);
    one.base.assign(m.base.begin() + first, m.base.begin() + last);
    one.personal.assign(m.personal.begin() + first, m.personal.begin() + last);
    one.base_weight = {m.base_weight[static_cast<std::size_t>(row)]};
    one.personal_weight = {m.personal_weight[static_cast<std::size_t>(row)]};
    const std::vector<float> alone = mix(one);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + first)) << row;
  }
}

TEST_P(Interpolate, SourcesThatAreNoDistributionAreTold) {
  for (const float bad : {std::nanf(""), kInf}) {
    Mixed m = random_mixture(4099, 3.0F);
    m.base[static_cast<std::size_t>(2 * m.vocab + 4098)] = bad;  // row 2, last stretch
    m.personal[static_cast<std::size_t>(3 * m.vocab)] = bad;     // row 3
    m.base[static_cast<std::size_t>(1 * m.vocab)] = bad;         // of no weight there
    const std::vector<float> out = mix(m);
    EXPECT_EQ(m.status, (std::vector<std::int32_t>{0, 0, kBadBase, kBadPersonal, 0, 0}));
    EXPECT_TRUE(std::isnan(out[static_cast<std::size_t>(2 * m.vocab)]));
    EXPECT_FALSE(std::isnan(out[static_cast<std::size_t>(m.vocab)]));
  }
  Mixed nothing;
  nothing.vocab = 5;
  nothing.base.assign(5, -kInf);
  nothing.personal.assign(5, -kInf);
  nothing.base_weight = {0.5F};
  nothing.personal_weight = {0.5F};
  (void)mix(nothing);
  EXPECT_EQ(nothing.status, (std::vector<std::int32_t>{kBadBase | kBadPersonal}));
}

INSTANTIATE_TEST_SUITE_P(Orders, Interpolate, orders(), order_name);

}  // namespace
}  // namespace pema::test
