// Mixtures in log space: values, extremes, words that only recall knows, and bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hwy/targets.h"
#include "tests/kernels/interpolate_fixture.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

TEST(Interpolate, MatchesFloat64ForAllWeightsSizesAndInstructionSets) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(1);
    for (const std::int64_t vocab : {1, 4, 97, 513, 1500}) {
      const Matrix<float> logits = test::random_matrix(random, 2, vocab, 5.0F);
      std::vector<WordMass> words{{0, 0.2}};
      if (vocab > 1) words = {{0, 0.05}, {static_cast<std::int32_t>(vocab - 1), 0.15}};
      for (const double base : {0.0, 0.3, 0.8}) {
        const MixtureRow row{logits.row(0), logits.row(1), base, 0.8 - base, words};
        const MixtureRow plain{logits.row(0), logits.row(1), base, 1.0 - base, {}};
        expect_near(mix(plain, vocab), reference(plain, vocab));
        expect_near(mix(row, vocab), reference(row, vocab));
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Interpolate, WordsFarBelowTheLikeliestKeepTheirAccuracy) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(5);
    // Most words lie 50 to 150 below the likeliest, on both sides of where exponentials give way to
    // logarithms.
    const std::int64_t vocab = 2003;
    const Matrix<float> logits = test::random_matrix(random, 2, vocab, 30.0F);
    for (const double base : {1e-12, 0.4, 1.0 - 1e-12}) {
      const MixtureRow row{logits.row(0), logits.row(1), base, 1.0 - base, {}};
      expect_near(mix(row, vocab), reference(row, vocab));
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Interpolate, UnderflowingProbabilitiesKeepAFiniteLog) {
  const std::vector<float> base{0, -300, -1000, -5e4F, -kInf, -kInf, 700};
  const std::vector<float> personal{0, -900, -400, -6e4F, -2000, -kInf, 0};
  const MixtureRow row{base.data(), personal.data(), 0.5, 0.5, {}};
  const std::vector<float> out = mix(row, 7);
  expect_near(out, reference(row, 7));
  EXPECT_TRUE(std::isfinite(out[3]));
  EXPECT_TRUE(std::isfinite(out[4]));  // one source gives it mass
  EXPECT_EQ(out[5], -kInf);            // none does
}

TEST(Interpolate, ShiftedLogitsGiveTheSameDistribution) {
  std::mt19937 random(2);
  const Matrix<float> logits = test::random_matrix(random, 1, 50, 2.0F);
  Matrix<float> shifted = logits;
  for (std::int64_t i = 0; i < 50; ++i) shifted.data()[i] += 8192.0F;
  const std::vector<float> a = mix({logits.data(), nullptr, 1, 0, {}}, 50);
  const std::vector<float> b = mix({shifted.data(), nullptr, 1, 0, {}}, 50);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_NEAR(a[i], b[i], 2e-3F);  // half a unit of 8192
}

TEST(Interpolate, RecallAloneIsExactlyRecall) {
  const std::vector<WordMass> words{{1, 0.75}, {3, 0.25}, {4, 0.0}};
  const std::vector<float> out = mix({nullptr, nullptr, 0, 0, words}, 6);
  EXPECT_EQ(out, (std::vector<float>{-kInf, static_cast<float>(std::log(0.75)), -kInf,
                                     static_cast<float>(std::log(0.25)), -kInf, -kInf}));
}

TEST(Interpolate, ProbabilitiesSumToOne) {
  std::mt19937 random(3);
  const std::int64_t vocab = 49152;
  const Matrix<float> logits = test::random_matrix(random, 2, vocab, 3.0F);
  const std::vector<WordMass> words{{7, 0.1}, {40000, 0.2}};
  ThreadPool pool(2);
  std::vector<float> out(static_cast<std::size_t>(vocab));
  const std::vector<MixtureRow> rows{{logits.row(0), logits.row(1), 0.3, 0.4, words}};
  interpolate(rows, vocab, std::vector<float*>{out.data()}, pool);
  double sum = 0;
  for (const float value : out) sum += std::exp(static_cast<double>(value));
  EXPECT_NEAR(sum, 1.0, 2e-6);
}

TEST(Interpolate, WorksInPlaceAndDoesNotDependOnThreads) {
  std::mt19937 random(4);
  const std::int64_t vocab = 1031;
  const Matrix<float> base = test::random_matrix(random, 9, vocab, 3.0F);
  const Matrix<float> personal = test::random_matrix(random, 9, vocab, 3.0F);
  Matrix<float> expected;
  for (const std::int64_t threads : {1, 2, 4}) {
    Matrix<float> in_place = personal;
    std::vector<MixtureRow> rows;
    std::vector<float*> out;
    for (std::int64_t row = 0; row < 9; ++row) {
      rows.push_back({base.row(row),
                      in_place.row(row),
                      0.1 * static_cast<double>(row),
                      1.0 - 0.1 * static_cast<double>(row),
                      {}});
      out.push_back(in_place.row(row));
    }
    ThreadPool pool(threads);
    interpolate(rows, vocab, out, pool);
    if (threads == 1) expected = in_place;
    EXPECT_TRUE(std::equal(in_place.data(), in_place.data() + 9 * vocab, expected.data()));
    expect_near(std::vector<float>(in_place.row(3), in_place.row(4)),
                reference({base.row(3), personal.row(3), 0.3, 0.7, {}}, vocab));
  }
}

TEST(Interpolate, OneLongRowOnSeveralThreadsHasTheBitsOfOneThread) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(6);
    for (const std::int64_t vocab : {4095, 4097, 20011}) {
      const Matrix<float> logits = test::random_matrix(random, 4, vocab, 4.0F);
      std::vector<MixtureRow> rows;
      Matrix<float> out(2, vocab);
      const std::vector<float*> to{out.row(0), out.row(1)};
      for (std::int64_t row = 0; row < 2; ++row) {
        rows.push_back({logits.row(2 * row), logits.row(2 * row + 1), 0.4, 0.6, {}});
      }
      ThreadPool one(1);
      interpolate(rows, vocab, to, one);
      const Matrix<float> expected = out;
      expect_near(std::vector<float>(out.row(0), out.row(1)), reference(rows[0], vocab));
      for (const std::int64_t threads : {2, 3, 7}) {
        ThreadPool pool(threads);
        interpolate(std::span(rows).first(1), vocab, std::span(to).first(1), pool);
        EXPECT_TRUE(std::equal(out.row(0), out.row(1), expected.row(0))) << threads;
        interpolate(rows, vocab, to, pool);
        EXPECT_TRUE(std::equal(out.row(1), out.row(1) + vocab, expected.row(1))) << threads;
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Interpolate, StretchesOfImpossibleAndFarLowerWordsAreRight) {
  const std::int64_t vocab = 3 * 4096 + 5;
  std::mt19937 random(7);
  Matrix<float> logits = test::random_matrix(random, 2, vocab, 3.0F);
  std::fill_n(logits.row(0), 5000, -kInf);  // the first stretch of the base, and some of the second
  std::fill_n(logits.row(1) + 4096, 4096, -kInf);
  for (std::int64_t v = 8192; v < vocab; ++v) logits.row(0)[v] -= 500.0F;
  logits.row(0)[5001] = 1000.0F;  // alone beside what it makes impossible
  ThreadPool pool(3);
  std::vector<float> out(static_cast<std::size_t>(vocab));
  for (const double base : {0.0, 0.5, 1.0}) {
    const std::vector<MixtureRow> rows{{logits.row(0), logits.row(1), base, 1.0 - base, {}}};
    interpolate(rows, vocab, std::vector<float*>{out.data()}, pool);
    expect_near(out, reference(rows[0], vocab));
    for (const std::int64_t v : {0, 4095, 4096, 5001, 8191, 8192, 12292}) {
      std::vector<double> at(1);
      interpolate_targets(rows, vocab, std::vector<std::int64_t>{v}, at, pool);
      EXPECT_EQ(at[0], static_cast<double>(out[static_cast<std::size_t>(v)])) << v;
    }
  }
}

TEST(Interpolate, TheFirstLogitOfAStretchMayLieAnywhere) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(9);
    Matrix<float> logits = test::random_matrix(random, 2, 1031, 3.0F);
    // About where one pass gives way to two, on either side, and where there is nothing at all.
    for (const float first :
         {-kInf, -1e30F, -71.0F, -70.0F, -50.0F, 0.0F, 60.0F, 75.0F, 78.0F, 97.0F, 98.0F, 1e4F}) {
      logits.row(0)[0] = first;
      const MixtureRow row{logits.row(0), logits.row(1), 0.5, 0.5, {}};
      expect_near(mix(row, 1031), reference(row, 1031));
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace
}  // namespace pema::kernels
