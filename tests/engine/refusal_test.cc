// What the engine refuses, with a code and words that name the fault.
#include <gtest/gtest.h>

#include <limits>

#include "kernels/cuda/device.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

class Refusal : public testing::Test {
 protected:
  Refusal()
      : pool(random_pool(model, {})),
        lease(make_lease("ann", pool, random_mask(random, Algebra::kMixture, false))),
        batch(model, {&lease, nullptr, &lease}) {}

  /// Runs `input` under `options` and expects an error.
  void refuse(ErrorCode code, const Batch& input, const std::string& words,
              EngineOptions options = {}) {
    Engine engine(model.info, model.head, options);
    Matrix<float> out(std::max<std::int64_t>(input.features.rows, 0), kVocab);
    expect_error(
        code, [&] { engine.step(input, out.view()); }, words);
  }
  /// The same for a batch under one lease.
  void refuse_lease(ErrorCode code, const Lease& bad, const std::string& words,
                    EngineOptions options = {}) {
    const TinyBatch one(model, {nullptr, &bad});
    refuse(code, one.view(), words, options);
  }

  TinyModel model;
  std::mt19937 random{31};
  std::shared_ptr<const Pool> pool;
  Lease lease;
  TinyBatch batch;
};

TEST_F(Refusal, BatchesOfTheWrongShape) {
  refuse(ErrorCode::kInvalidArgument, Batch{}, "empty");
  Batch bad = batch.view();
  bad.features.cols = kHidden - 1;
  refuse(ErrorCode::kInvalidArgument, bad, "wide");
  bad = batch.view();
  bad.logits.cols = kVocab - 1;
  refuse(ErrorCode::kInvalidArgument, bad, "vocabulary");
  bad = batch.view();
  bad.features.data = nullptr;
  refuse(ErrorCode::kInvalidArgument, bad, "no address");
  bad = batch.view();
  bad.logits.rows = 2;
  refuse(ErrorCode::kInvalidArgument, bad, "logits 2");
  bad = batch.view();
  bad.leases = bad.leases.first(2);
  refuse(ErrorCode::kInvalidArgument, bad, "leases 2");
  bad = batch.view();
  bad.step = bad.step.first(1);
  refuse(ErrorCode::kInvalidArgument, bad, "step 1");
  bad = batch.view();
  bad.source_length = {};
  refuse(ErrorCode::kInvalidArgument, bad, "source_length 0");
}

TEST_F(Refusal, OutputsOfTheWrongShapeOrPlace) {
  Engine engine(model.info, model.head);
  Matrix<float> small(2, kVocab);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { engine.step(batch.view(), small.view()); }, "out is");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { engine.step(batch.view(), batch.logits.view()); },
      "overlaps");
}

TEST_F(Refusal, ValuesThatAreNotNumbers) {
  for (const float value : {kNan, kInf, -kInf}) {
    TinyBatch bad = batch;
    bad.features.row(1)[kHidden - 1] = value;
    refuse(ErrorCode::kInvalidArgument, bad.view(), "feature of row 1");
  }
  for (const float value : {kNan, kInf}) {
    TinyBatch bad = batch;
    bad.logits.row(2)[kVocab - 1] = value;
    refuse(ErrorCode::kInvalidArgument, bad.view(), "logits of row 2");
  }
  TinyBatch bad = batch;
  std::fill_n(bad.logits.row(0), kVocab, -kInf);
  refuse(ErrorCode::kInvalidArgument, bad.view(), "rule out every word");
}

TEST_F(Refusal, NegativeStepsAndLengths) {
  TinyBatch bad = batch;
  bad.step[1] = -1;
  refuse(ErrorCode::kInvalidArgument, bad.view(), "row 1");
  bad = batch;
  bad.source_length[2] = -4;
  refuse(ErrorCode::kInvalidArgument, bad.view(), "row 2");
}

TEST_F(Refusal, LeasesOfAnotherModelSiteOrVocabulary) {
  const TinyModel other(2);
  refuse_lease(ErrorCode::kMismatch, make_lease("eve", random_pool(other, {}), lease.mask),
               other.info.fingerprint.short_hex());
  PoolInfo info;
  info.site = FeatureSite::kPreNorm;
  refuse_lease(ErrorCode::kMismatch, make_lease("eve", random_pool(model, info), lease.mask),
               "pre_norm");
  Lease foreign = lease;
  foreign.own = {random_segment(random, other, 4)};
  refuse_lease(ErrorCode::kMismatch, foreign, "segment");
  TinyModel wider = model;
  wider.info.vocab += 1;
  foreign.own = {random_segment(random, wider, 4)};
  refuse_lease(ErrorCode::kMismatch, foreign, "vocabulary");
  foreign.own = {nullptr};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)foreign.inert(); }, "null segment");
  refuse_lease(ErrorCode::kInvalidArgument, foreign, "null segment");
}

TEST_F(Refusal, ADeviceThatIsNotThere) {
  if (kernels::cuda::device_status().usable) GTEST_SKIP() << "there is a GPU";
  EngineOptions options;
  options.device.emplace();
  expect_error(
      ErrorCode::kUnsupported, [&] { const Engine engine(model.info, model.head, options); },
      "pema doctor");
}

TEST_F(Refusal, MasksThatDoNotFit) {
  const ProfileMask longer = random_mask(random, Algebra::kMixture, false, kAdapters + 1);
  refuse_lease(ErrorCode::kInvalidArgument, make_lease("eve", pool, longer), "covers 14");
  refuse_lease(ErrorCode::kInvalidArgument, make_lease("eve", nullptr, lease.mask), "has 0");
  const ProfileMask two_sides = random_mask(random, Algebra::kSeparate, false);
  refuse_lease(ErrorCode::kInvalidArgument, make_lease("eve", pool, two_sides), "up side");
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  refuse_lease(ErrorCode::kInvalidArgument, make_lease("eve", random_pool(model, info), lease.mask),
               "up side");
  ProfileMask soft = random_mask(random, Algebra::kMixture, true);
  soft.down_weights[2] = kNan;
  refuse_lease(ErrorCode::kInvalidArgument, make_lease("eve", pool, soft), "NaN");
  Lease stale = lease;
  stale.mask.down.set(0, !stale.mask.down.test(0));
  refuse_lease(ErrorCode::kInvalidArgument, stale, "digest");
}

TEST_F(Refusal, SchedulesOutsideTheirRange) {
  Lease bad = lease;
  bad.schedule.lambda_max = 1.5;
  refuse_lease(ErrorCode::kInvalidArgument, bad, "lambda_max");
  bad = lease;
  bad.schedule.temperature = 0;
  refuse_lease(ErrorCode::kInvalidArgument, bad, "temperature");
}

TEST_F(Refusal, StrategiesAndNormsThatCannotRun) {
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  const Lease separate =
      make_lease("eve", random_pool(model, info), random_mask(random, Algebra::kSeparate, false));
  refuse_lease(ErrorCode::kUnsupported, separate, "mixture", {.strategy = Strategy::kProjected});
  info = {};
  info.form = Form::kDistribution;
  info.norm = HeadNorm::kLayerFinal;
  const Lease normed = make_lease("eve", random_pool(model, info), lease.mask);
  model.head.layer_norm_weight.clear();
  refuse_lease(ErrorCode::kUnsupported, normed, "layer_final");
}

TEST_F(Refusal, AdaptersThatOverflow) {
  Matrix<float> down(1, kHidden);
  Matrix<float> up(1, kHidden);
  std::fill_n(down.data(), kHidden, 1e30F);
  std::fill_n(up.data(), kHidden, 1e30F);
  PoolInfo info;
  info.model = model.info.fingerprint;
  const auto block = AdapterBlock::make(1, 1, down.view(), up.view(), std::vector<float>{1.0F});
  const Lease loud = make_lease(
      "eve",
      std::make_shared<const Pool>(info, block, std::vector<std::shared_ptr<const AdapterBlock>>{}),
      {});
  refuse_lease(ErrorCode::kInvalidArgument, loud, "personal logits");
}

TEST_F(Refusal, HeadsAndOptionsThatDoNotFit) {
  const auto construct = [&](const ModelInfo& info, const Head& head, EngineOptions options) {
    Engine engine(info, head, options);
  };
  const TinyModel wider(1, kHidden + 1);
  expect_error(
      ErrorCode::kMismatch, [&] { construct(model.info, wider.head, {}); }, "does not belong");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { construct(model.info, model.head, {.cache_bytes = -1}); },
      "cache_bytes");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { construct(model.info, model.head, {.threads = -2}); },
      "threads");
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] { construct(model.info, model.head, {.expected_rows = -1}); }, "expected_rows");
  for (const double mass : {-1e-9, 0.11, std::numeric_limits<double>::quiet_NaN()}) {
    expect_error(
        ErrorCode::kInvalidArgument,
        [&] { construct(model.info, model.head, {.neglected_mass = mass}); }, "neglected_mass");
  }
}

TEST_F(Refusal, AnEngineWorksOnAfterARefusal) {
  Engine engine(model.info, model.head);
  const Matrix<float> expected = run_step(engine, batch.view());
  TinyBatch bad = batch;
  bad.features.row(0)[0] = kNan;
  Matrix<float> out(3, kVocab);
  expect_error(ErrorCode::kInvalidArgument, [&] { engine.step(bad.view(), out.view()); });
  const Matrix<float> again = run_step(engine, batch.view());
  EXPECT_TRUE(std::equal(again.data(), again.data() + 3 * kVocab, expected.data()));
}

}  // namespace
}  // namespace pema::test
