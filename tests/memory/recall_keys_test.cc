#include <algorithm>
#include <cmath>
#include <limits>

#include "pema/memory.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;

Matrix<float> row_of(const std::vector<float>& values) {
  Matrix<float> matrix(1, static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), matrix.data());
  return matrix;
}

std::vector<float> key_of(const std::vector<float>& feature, FeatureSite site,
                          const std::vector<float>& gain = {}) {
  const Matrix<float> features = row_of(feature);
  Matrix<float> keys(1, features.cols());
  make_recall_keys(features.view(), site, gain, keys.view());
  return {keys.data(), keys.data() + keys.cols()};
}

TEST(RecallKeys, AreUnitVectorsOfTheSameDirection) {
  EXPECT_EQ(key_of({3, 4}, FeatureSite::kPreNorm), (std::vector<float>{0.6F, 0.8F}));
  EXPECT_EQ(key_of({0, -7}, FeatureSite::kPreNorm), (std::vector<float>{0.0F, -1.0F}));
}

TEST(RecallKeys, AreTheSameFromBothSides) {
  const std::int64_t width = 48;
  const Matrix<float> directions = test::unit_rows(6, width, 1);
  std::vector<float> gain;
  for (std::int64_t i = 0; i < width; ++i) {
    gain.push_back((i % 3 == 0 ? -1.0F : 1.0F) * (0.05F + 0.3F * static_cast<float>(i % 11)));
  }
  for (std::int64_t r = 0; r < directions.rows(); ++r) {
    // An RMSNorm by hand, in double: x = h / sqrt(mean(h^2) + eps) * gain.
    std::vector<float> before;
    std::vector<float> after;
    double sum = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      before.push_back(directions.row(r)[i] * 17.0F);
      sum += static_cast<double>(before.back()) * static_cast<double>(before.back());
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
      after.push_back(
          static_cast<float>(before[i] / std::sqrt(sum / static_cast<double>(width) + 1e-5) *
                             static_cast<double>(gain[i])));
    }
    const std::vector<float> pre = key_of(before, FeatureSite::kPreNorm);
    const std::vector<float> post = key_of(after, FeatureSite::kPostNorm, gain);
    for (std::size_t i = 0; i < pre.size(); ++i) EXPECT_NEAR(pre[i], post[i], 1e-6);
  }
}

TEST(RecallKeys, OfZeroFeaturesAreZeroAndRefusedLater) {
  const std::vector<float> zero = key_of({0, 0, 0}, FeatureSite::kPreNorm);
  EXPECT_EQ(zero, (std::vector<float>{0, 0, 0}));
  const std::vector<std::int32_t> token = {1};
  expect_error(ErrorCode::kInvalidArgument,
               [&] { (void)Segment::make(test::segment_info(3), row_of(zero).view(), token); });
}

TEST(RecallKeys, LeaveOutComponentsWithoutAGain) {
  EXPECT_EQ(key_of({3, 5, 8}, FeatureSite::kPostNorm, {1, 0, 2}),
            (std::vector<float>{0.6F, 0.0F, 0.8F}));
}

TEST(RecallKeys, SurviveExtremeValues) {
  const float most = std::numeric_limits<float>::max();
  const float least = std::numeric_limits<float>::denorm_min();
  for (const float size : {most, least}) {
    const std::vector<float> key = key_of({size, size}, FeatureSite::kPreNorm);
    EXPECT_FLOAT_EQ(key[0], std::sqrt(0.5F));
    EXPECT_FLOAT_EQ(key[1], std::sqrt(0.5F));
  }
  EXPECT_EQ(key_of({most, 0}, FeatureSite::kPostNorm, {least, 1}), (std::vector<float>{1, 0}));
}

TEST(RecallKeys, MayBeWrittenOverTheFeatures) {
  Matrix<float> rows = row_of({3, 4});
  make_recall_keys(rows.view(), FeatureSite::kPreNorm, {}, rows.view());
  EXPECT_EQ(rows.row(0)[0], 0.6F);
  EXPECT_EQ(rows.row(0)[1], 0.8F);
}

TEST(RecallKeys, HonourTheStrideOfBothViews) {
  std::vector<float> in = {3, 4, 99, 0, 2, 99};
  std::vector<float> out(8, -5.0F);
  make_recall_keys(MatrixView<const float>(in.data(), 2, 2, 3), FeatureSite::kPreNorm, {},
                   MatrixView<float>(out.data(), 2, 2, 4));
  EXPECT_EQ(out, (std::vector<float>{0.6F, 0.8F, -5, -5, 0, 1, -5, -5}));
}

TEST(RecallKeys, RefuseShapesThatDisagreeAndBadValues) {
  const Matrix<float> features = row_of({3, 4});
  Matrix<float> wide(1, 3);
  Matrix<float> tall(2, 2);
  Matrix<float> keys(1, 2);
  const auto refused = [&](const Matrix<float>& f, FeatureSite site, std::vector<float> gain,
                           Matrix<float>& k) {
    expect_error(ErrorCode::kInvalidArgument,
                 [&] { make_recall_keys(f.view(), site, gain, k.view()); });
  };
  refused(features, FeatureSite::kPreNorm, {}, wide);
  refused(features, FeatureSite::kPreNorm, {}, tall);
  refused(features, FeatureSite::kPostNorm, {}, keys);
  refused(features, FeatureSite::kPostNorm, {1, 1, 1}, keys);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    refused(features, FeatureSite::kPostNorm, {1, bad}, keys);
    refused(row_of({1, bad}), FeatureSite::kPreNorm, {}, keys);
  }
}

}  // namespace
}  // namespace pema
