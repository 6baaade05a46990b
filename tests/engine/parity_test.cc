// Every strategy, algebra, form, norm, mask kind, schedule and site against the float64 oracle.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/reference.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

// docs/numerics.md, tiny sizes.
constexpr double kTolerance = 1e-5;
constexpr double kRecallTolerance = 5e-5;

void expect_close(const Head& head, const Batch& batch, const Matrix<float>& out,
                  double tolerance) {
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    const std::vector<double> expected = reference_row(head, batch, row);
    for (std::int64_t v = 0; v < out.cols(); ++v) {
      ASSERT_NEAR(static_cast<double>(out.row(row)[v]), expected[static_cast<std::size_t>(v)],
                  tolerance)
          << "row " << row << " word " << v;
    }
  }
}

struct Case {
  Strategy strategy;
  Algebra algebra;
  Form form;
  HeadNorm norm;
  bool soft;
  bool shared;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Strategy strategy :
       {Strategy::kAuto, Strategy::kComposed, Strategy::kFactored, Strategy::kProjected}) {
    for (const Algebra algebra : {Algebra::kMixture, Algebra::kSeparate}) {
      if (strategy == Strategy::kProjected && algebra == Algebra::kSeparate) continue;
      for (const bool soft : {false, true}) {
        for (const bool shared : {false, true}) {
          all.push_back({strategy, algebra, Form::kResidual, HeadNorm::kNone, soft, shared});
          for (const HeadNorm norm :
               {HeadNorm::kDecoderFinal, HeadNorm::kLayerFinal, HeadNorm::kNone}) {
            all.push_back({strategy, algebra, Form::kDistribution, norm, soft, shared});
          }
        }
      }
    }
  }
  return all;
}

class Parity : public testing::TestWithParam<Case> {
 protected:
  Parity() {
    PoolInfo info;
    info.algebra = GetParam().algebra;
    info.form = GetParam().form;
    info.norm = GetParam().norm;
    info.mask_scale = 0.4;
    pool = random_pool(model, info, GetParam().shared);
  }
  ProfileMask mask(std::int64_t size = kAdapters) {
    return random_mask(random, GetParam().algebra, GetParam().soft, size);
  }
  Engine engine() { return Engine(model.info, model.head, {.strategy = GetParam().strategy}); }

  TinyModel model;
  std::mt19937 random{11};
  std::shared_ptr<const Pool> pool;
};

TEST_P(Parity, SchedulesAndMasksMatchTheOracle) {
  std::vector<Lease> leases;
  for (const LambdaCurve curve :
       {LambdaCurve::kConstant, LambdaCurve::kLinear, LambdaCurve::kSquared}) {
    for (const double lambda : {0.3, 1.0}) {
      leases.push_back(make_lease("p", pool, mask(), {.curve = curve, .lambda_max = lambda}));
    }
  }
  leases.push_back(
      make_lease("old", pool, mask(6), {.lambda_max = 0.8}));  // an older, shorter pool
  std::vector<const Lease*> rows{nullptr};
  for (const Lease& lease : leases) rows.push_back(&lease);
  for (const Lease& lease : leases) rows.push_back(&lease);
  const TinyBatch batch(model, rows);
  Engine tested = engine();
  Matrix<float> out = run_step(tested, batch.view());
  for (std::int64_t v = 0; v < kVocab; ++v) {
    ASSERT_EQ(out.row(0)[v], batch.logits.row(0)[v]);  // no profile: the model's own bits
    out.row(0)[v] =
        static_cast<float>(reference_row(model.head, batch.view(), 0)[static_cast<std::size_t>(v)]);
  }
  expect_close(model.head, batch.view(), out, kTolerance);
}

TEST_P(Parity, RecallFromOwnAndSharedSegmentsMatchesTheOracle) {
  const auto own = random_segment(random, model, 40);
  const auto shared = random_segment(random, model, 70);
  const auto more = rounded(random, *random_segment(random, model, 9), KeyType::kInt8);
  const auto halves = rounded(random, *random_segment(random, model, 9), KeyType::kFloat16);
  const auto codes =
      rounded(random, *random_segment(random, model, 33), KeyType::kProductQuantised);
  std::vector<Lease> leases;
  for (const double own_weight : {0.0, 0.25, 1.0}) {
    for (const double shared_weight : {0.0, 0.4}) {
      if (own_weight + shared_weight > 1.0) continue;
      Lease lease = make_lease("p", pool, mask(),
                               {.curve = LambdaCurve::kLinear,
                                .lambda_max = 0.7,
                                .lambda_own = own_weight,
                                .lambda_shared = shared_weight,
                                .neighbours = 12,
                                .temperature = 0.5});
      lease.own = {own, more, halves};
      lease.shared = {codes, shared};
      leases.push_back(lease);
      lease.own.clear();  // its weight goes to the rest
      leases.push_back(lease);
    }
  }
  std::vector<const Lease*> rows;
  for (const Lease& lease : leases) rows.push_back(&lease);
  const TinyBatch batch(model, rows, 5);
  Engine tested = engine();
  const Matrix<float> out = run_step(tested, batch.view());
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    const std::vector<double> expected = reference_row(model.head, batch.view(), row);
    for (std::int64_t v = 0; v < kVocab; ++v) {
      const double value = expected[static_cast<std::size_t>(v)];
      if (std::isinf(value)) {
        ASSERT_EQ(static_cast<double>(out.row(row)[v]), value);
      } else {
        ASSERT_NEAR(static_cast<double>(out.row(row)[v]), value, kRecallTolerance)
            << "row " << row << " word " << v;
      }
    }
  }
}

TEST_P(Parity, AGateWeighsTheSourcesThatARowHas) {
  const auto gate = std::make_shared<const MixtureGate>(random_gate(random));
  const auto own = random_segment(random, model, 40);
  const auto shared = random_segment(random, model, 70);
  const auto few = random_segment(random, model, 5);
  const auto codes =
      rounded(random, *random_segment(random, model, 12), KeyType::kProductQuantised);
  // Exact own keys, quantised ones, and mixtures of which the larger part counts.
  const std::vector<std::vector<std::shared_ptr<const Segment>>> owns = {
      {}, {own}, {codes}, {own, codes}, {few, codes}};
  std::vector<Lease> leases;
  for (const double lambda : {0.0, 0.6}) {
    for (const auto& some : owns) {
      for (const bool both : {false, true}) {
        Lease lease = make_lease("p", pool, mask(), {.lambda_max = lambda});
        lease.gate = gate;
        if (both) lease.shared = {shared};
        lease.own = some;
        leases.push_back(lease);
      }
    }
  }
  leases.erase(leases.begin());  // no source but the model: left alone, bit for bit
  std::vector<const Lease*> rows;
  for (const Lease& lease : leases) rows.push_back(&lease);
  const TinyBatch batch(model, rows, 5);
  Engine tested = engine();
  expect_close(model.head, batch.view(), run_step(tested, batch.view()), kRecallTolerance);
}

INSTANTIATE_TEST_SUITE_P(All, Parity, testing::ValuesIn(cases()), [](const auto& tested) {
  const Case& c = tested.param;
  return std::string(to_string(c.strategy)) + "_" + std::string(to_string(c.algebra)) + "_" +
         std::string(to_string(c.form)) + "_" + std::string(to_string(c.norm)) +
         (c.soft ? "_soft" : "_hard") + (c.shared ? "_shared" : "_alone");
});

TEST(Site, PreNormPoolsAddTheirDeltaToThePostNormLogits) {
  const TinyModel model;
  PoolInfo info;
  info.site = FeatureSite::kPreNorm;
  std::mt19937 random(2);
  Lease lease =
      make_lease("p", random_pool(model, info), random_mask(random, Algebra::kMixture, false),
                 {.lambda_max = 0.9, .lambda_own = 0.3, .temperature = 0.5});
  lease.own = {random_segment(random, model, 20)};
  const TinyBatch batch(model, {&lease, &lease}, 3, FeatureSite::kPreNorm);
  Engine engine(model.info, model.head);
  expect_close(model.head, batch.view(), run_step(engine, batch.view()), kRecallTolerance);
}

}  // namespace
}  // namespace pema::test
