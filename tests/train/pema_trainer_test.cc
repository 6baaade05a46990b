#include "pema/train/pema_trainer.h"

#include <gtest/gtest.h>

#include "src/train/pema_parts.h"
#include "src/train/torch_views.h"
#include "tests/support/expect_error.h"
#include "tests/train/planted.h"

namespace pema::train {
namespace {

using namespace test;

/// Features near a plane of four dimensions, targets drawn from the base model.
class PemaTrainer : public ::testing::Test {
 protected:
  TinyModel model_;
  SampleSet train_ = low_rank_samples(1200, 81);
  SampleSet dev_ = low_rank_samples(300, 82);

  [[nodiscard]] SampleSet low_rank_samples(std::int64_t rows, std::uint64_t seed) const {
    const Matrix<float> plane = normal_matrix(4, kHidden, 1.0, 80);
    const Matrix<float> place = normal_matrix(rows, 4, 1.0, seed);
    Matrix<float> features = normal_matrix(rows, kHidden, 0.05, seed + 5);
    std::mt19937_64 engine(seed);
    std::vector<std::int32_t> targets;
    for (std::int64_t row = 0; row < rows; ++row) {
      double square = 0;
      for (std::int64_t k = 0; k < kHidden; ++k) {
        for (std::int64_t j = 0; j < 4; ++j) {
          features.row(row)[k] += place.row(row)[j] * plane.row(j)[k];
        }
        square += static_cast<double>(features.row(row)[k]) *
                  static_cast<double>(features.row(row)[k]) / kHidden;
      }
      // What a final RMSNorm of gain 1.25 gives.
      for (std::int64_t k = 0; k < kHidden; ++k) {
        features.row(row)[k] *= static_cast<float>(1.25 / std::sqrt(square));
      }
      const float* x = features.row(row);
      const std::vector<double> p = word_probabilities(model_.head, {x, x + kHidden});
      targets.push_back(std::discrete_distribution<std::int32_t>(p.begin(), p.end())(engine));
    }
    return SampleSet(std::move(features), std::move(targets), {0, rows}, {3});
  }
  [[nodiscard]] static PemaOptions options() {
    PemaOptions result;
    result.rank = 4;
    result.alpha = 4;
    result.input_dropout = 0;
    result.batch_joint = 128;
    result.epochs = 2;
    result.validate_every = 5;
    result.learning_rate = 1e-4;
    return result;
  }
  [[nodiscard]] PemaResult trained(const PemaOptions& how) const {
    return train_pema(model_.base(), train_.view(), dev_.view(), how);
  }
  /// NLL of dev under softmax(W norm(B A x)), full vocabulary, in float64.
  [[nodiscard]] double distribution_nll(const AdapterBlock& adapter, HeadNorm norm) const {
    const Samples view = dev_.view();
    double total = 0;
    for (std::int64_t row = 0; row < view.rows(); ++row) {
      std::vector<double> h(kHidden, 0.0);
      add_delta(adapter, nullptr, view.features.row(row), h);
      double square = 0;
      for (const double value : h) square += value * value / kHidden;
      const double gain = norm == HeadNorm::kDecoderFinal ? 1.25 : 0.75;
      const double factor = gain / std::sqrt(square + static_cast<double>(model_.head.norm_eps));
      for (double& value : h) value *= norm == HeadNorm::kNone ? 1.0 : factor;
      const std::vector<double> p = word_probabilities(model_.head, h);
      total -= std::log(p[static_cast<std::size_t>(view.targets[static_cast<std::size_t>(row)])]);
    }
    return total / static_cast<double>(view.rows());
  }
};

TEST_F(PemaTrainer, TheReconstructionStartBeginsNearTheBaseModel) {
  const double base = residual_nll(model_, dev_, nullptr);
  const double uniform = std::log(static_cast<double>(kVocab));
  ASSERT_LT(base, uniform - 0.5);
  PemaOptions how = options();
  const PemaResult published = trained(how);
  how.start = PemaStart::kReconstruction;
  const PemaResult reconstruction = trained(how);
  EXPECT_NEAR(reconstruction.curve.front().dev_prediction, base, 0.1);
  EXPECT_GT(published.curve.back().dev_prediction,
            reconstruction.curve.back().dev_prediction + 0.1);
  EXPECT_EQ(published.curve.front().stage, 1);
  EXPECT_EQ(published.curve.back().stage, 2);
  EXPECT_EQ(reconstruction.curve.front().stage, 2);
}

TEST_F(PemaTrainer, EveryNormLearnsAndItsAdapterGivesTheReportedLoss) {
  for (const HeadNorm norm : {HeadNorm::kDecoderFinal, HeadNorm::kLayerFinal, HeadNorm::kNone}) {
    SCOPED_TRACE(to_string(norm));
    PemaOptions how = options();
    how.norm = norm;
    how.epochs = 30;
    how.learning_rate = 5e-3;
    how.kappa = 0;
    const PemaResult result = trained(how);
    double best = result.curve.back().dev_prediction;
    for (const PemaCurvePoint& point : result.curve) {
      if (point.stage == 2) best = std::min(best, point.dev_prediction);
    }
    EXPECT_LT(best, std::log(static_cast<double>(kVocab)) - 0.3);
    EXPECT_NEAR(distribution_nll(*result.adapter, norm), best, 1e-4);
  }
}

TEST_F(PemaTrainer, StageOneFallsTowardsTheClosedForm) {
  PemaOptions how = options();
  how.epochs = 200;
  how.batch_reconstruction = 200;
  how.learning_rate = 1e-2;
  const PemaResult result = trained(how);
  double first = -1;
  double last = -1;
  for (const PemaCurvePoint& point : result.curve) {
    if (point.stage != 1) continue;
    if (first < 0) first = point.dev_loss;
    last = point.dev_loss;
  }
  EXPECT_GT(first, 0.3);
  EXPECT_LT(last, 0.02);  // the noise off the plane: 0.05^2 of 1.25^2, a little more in training
}

TEST_F(PemaTrainer, StopsWhenTheLossExceedsBothPreviousTwo) {
  PemaOptions how = options();
  how.start = PemaStart::kReconstruction;
  how.epochs = 200;
  how.learning_rate = 0.05;
  how.rank = 12;
  how.alpha = 12;
  const PemaResult result = trained(how);
  const std::vector<PemaCurvePoint>& curve = result.curve;
  ASSERT_GE(curve.size(), 3U);
  ASSERT_LT(curve.back().epoch, 200) << "it overfits long before";
  const std::size_t last = curve.size() - 1;
  EXPECT_GT(curve[last].dev_loss, curve[last - 1].dev_loss);
  EXPECT_GT(curve[last].dev_loss, curve[last - 2].dev_loss);
  for (std::size_t i = 2; i < last; ++i) {
    EXPECT_FALSE(curve[i].dev_loss > curve[i - 1].dev_loss &&
                 curve[i].dev_loss > curve[i - 2].dev_loss);
  }
}

TEST_F(PemaTrainer, TheAblationHasNoStageOne) {
  PemaOptions how = options();
  how.reconstruct = false;
  const PemaResult result = trained(how);
  for (const PemaCurvePoint& point : result.curve) {
    EXPECT_EQ(point.stage, 2);
    EXPECT_EQ(point.dev_loss, point.dev_prediction);
  }
}

TEST_F(PemaTrainer, TheScaleIsFoldedIn) {
  // One tiny step from the reconstruction start: the same adapter whatever alpha is.
  PemaOptions how = options();
  how.start = PemaStart::kReconstruction;
  how.learning_rate = 1e-9;
  const PemaResult large = trained(how);
  how.alpha = 0.5;
  const PemaResult small = trained(how);
  for (std::int64_t i = 0; i < 4 * kHidden; ++i) {
    EXPECT_NEAR(large.adapter->view().up.data[i], small.adapter->view().up.data[i], 1e-5);
  }
  EXPECT_EQ(large.adapter->view().scale[0], 1.0F);
}

TEST_F(PemaTrainer, SameSeedSameBytes) {
  PemaOptions how = options();
  how.input_dropout = 0.2;
  const PemaResult first = trained(how);
  EXPECT_EQ(first.adapter->digest(), trained(how).adapter->digest());
  how.seed = 1;
  EXPECT_NE(first.adapter->digest(), trained(how).adapter->digest());
}

TEST_F(PemaTrainer, RefusesWhatDoesNotFit) {
  const auto refused = [&](ErrorCode code, const std::string& words, auto change) {
    PemaOptions how = options();
    TinyModel model;
    change(how, model);
    expect_error(
        code, [&] { (void)train_pema(model.base(), train_.view(), dev_.view(), how); }, words);
  };
  refused(ErrorCode::kInvalidArgument, "rank", [](PemaOptions& o, TinyModel&) { o.rank = 0; });
  refused(ErrorCode::kInvalidArgument, "kappa", [](PemaOptions& o, TinyModel&) { o.kappa = 2; });
  refused(ErrorCode::kInvalidArgument, "hidden size 12", [](PemaOptions& o, TinyModel&) {
    o.start = PemaStart::kReconstruction;
    o.rank = kHidden + 1;
  });
  refused(ErrorCode::kUnsupported, "feed-forward", [](PemaOptions& o, TinyModel& m) {
    o.norm = HeadNorm::kLayerFinal;
    m.head.layer_norm_weight.clear();
  });
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] { (void)train_pema(model_.base(), {}, dev_.view(), options()); }, "one train row");
  Impatient impatient(2);
  expect_error(ErrorCode::kInterrupted,
               [&] { (void)train_pema(model_.base(), train_.view(), {}, options(), &impatient); });
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_pema_start("zero"); }, "reconstruction");
  EXPECT_EQ(parse_pema_start("published"), PemaStart::kPublished);
  EXPECT_EQ(parse_pema_start("reconstruction"), PemaStart::kReconstruction);
}

TEST(SingularVectors, AreTheTopOnesAndOrthonormal) {
  const Matrix<float> place = normal_matrix(500, 6, 1.0, 91);
  at::Tensor x = view_of(place.view()).clone();
  const at::Tensor size = at::tensor({1.0F, 5.0F, 2.0F, 4.0F, 0.5F, 3.0F});
  x.mul_(size);
  const at::Tensor v = top_right_singular_vectors(x, 3);
  ASSERT_EQ(v.size(0), 3);
  EXPECT_TRUE(at::allclose(at::mm(v, v.t()), at::eye(3), 1e-5, 1e-5));
  EXPECT_GT(v[0][1].item<double>(), 0.98);
  EXPECT_GT(v[1][3].item<double>(), 0.98);
  EXPECT_GT(v[2][5].item<double>(), 0.98);
}

}  // namespace
}  // namespace pema::train
