// Two profiles, three adapters, four words, through every step, with numbers worked out by hand.
//
//   head rows (1,0) (0,1) (1,1) (0,0); x = (ln 2, ln 3)       e^l = 2, 3, 6, 1          sum 12
//   adapter 0: A = (1/ln 2, 0), B = (ln 2, 0)                 z = 1, delta = (ln 2, 0)
//   adapter 1: A = (0, 1/ln 3), B = (0, ln 2)                 z = 1, delta = (0, ln 2)
//   adapter 2: A = (1, 1),      B = (9, 9), nobody's
//   ann: mask {0}, lambda 1/2                                 e^(l + W delta) = 4, 3, 12, 1   sum
//   20 bob: mask {0, 1}, linear 0.8 over 4 tokens, step 1: 0.6   e^(l + W delta) = 4, 6, 24, 1 sum
//   35
//        own memory, weight 0.2: x's direction -> word 3 (distance 0), its normal -> word 1
//        (distance 2), T = 2 / ln 3                           P_own = 0, 1/4, 0, 3/4
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "pema/engine.h"
#include "src/engine/apply.h"
#include "src/engine/check.h"
#include "src/engine/compose.h"
#include "src/engine/interpolate.h"
#include "src/engine/look_up.h"
#include "src/engine/plan.h"
#include "src/engine/project.h"
#include "src/engine/recall.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

const float kLn2 = std::log(2.0F);
const float kLn3 = std::log(3.0F);

Matrix<float> matrix(std::int64_t rows, std::int64_t cols, std::vector<float> values) {
  Matrix<float> result(rows, cols);
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

class Walk : public testing::TestWithParam<Strategy> {
 protected:
  Walk() : model(1, 2, 4) {
    model.head.weight = matrix(4, 2, {1, 0, 0, 1, 1, 1, 0, 0});
    model.head.norm_weight = {1, 1};
    const Matrix<float> down = matrix(3, 2, {1 / kLn2, 0, 0, 1 / kLn3, 1, 1});
    const Matrix<float> up = matrix(3, 2, {kLn2, 0, 0, kLn2, 9, 9});
    PoolInfo info;
    info.model = model.info.fingerprint;
    const auto block = AdapterBlock::make(3, 1, down.view(), up.view(), std::vector<float>(3, 1));
    const auto pool = std::make_shared<const Pool>(info, nullptr, std::vector{block});
    ProfileMask mask;
    mask.down = BitMask::from_indices(3, std::array<std::int64_t, 1>{0});
    ann = make_lease("ann", pool, mask, {.lambda_max = 0.5});
    mask.down.set(1);
    bob = make_lease("bob", pool, mask,
                     {.curve = LambdaCurve::kLinear,
                      .lambda_max = 0.8,
                      .lambda_own = 0.2,
                      .temperature = 2.0 / std::log(3.0)});
    const float norm = std::hypot(kLn2, kLn3);
    const Matrix<float> keys = matrix(2, 2, {kLn2 / norm, kLn3 / norm, -kLn3 / norm, kLn2 / norm});
    SegmentInfo segment;
    segment.model = model.info.fingerprint;
    segment.hidden = 2;
    segment.vocab = 4;
    bob.own = {Segment::make(segment, keys.view(), std::vector<std::int32_t>{3, 1})};
    features = matrix(3, 2, {kLn2, kLn3, kLn2, kLn3, kLn2, kLn3});
    base_logits(model.head, features.view(), logits.view(), 1);
  }
  Batch batch() const { return {features.view(), logits.view(), leases, step, length}; }

  TinyModel model;
  Lease ann;
  Lease bob;
  Matrix<float> features;
  Matrix<float> logits{3, 4};
  std::vector<const Lease*> leases{&bob, nullptr, &ann};
  std::vector<std::int64_t> step{1, 0, 5};
  std::vector<std::int64_t> length{4, 0, 9};
};

void expect_row(const float* row, std::vector<double> expected, const char* what) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(row[i]), expected[i], 2e-6) << what << " " << i;
  }
}

std::vector<double> logs(std::vector<double> values) {
  for (double& value : values) value = std::log(value);
  return values;
}

const std::vector<double> kBob = {
    0.8 * (0.6 * 4 / 35 + 0.4 * 2 / 12), 0.2 / 4 + 0.8 * (0.6 * 6 / 35 + 0.4 * 3 / 12),
    0.8 * (0.6 * 24 / 35 + 0.4 * 6 / 12), 0.2 * 3 / 4 + 0.8 * (0.6 * 1 / 35 + 0.4 * 1 / 12)};
const std::vector<double> kAnn = {0.5 * 4 / 20 + 0.5 * 2 / 12, 0.5 * 3 / 20 + 0.5 * 3 / 12,
                                  0.5 * 12 / 20 + 0.5 * 6 / 12, 0.5 * 1 / 20 + 0.5 * 1 / 12};

TEST_P(Walk, GivesTheHandComputedDistributions) {
  Engine engine(model.info, model.head, {.strategy = GetParam()});
  const Matrix<float> out = run_step(engine, batch());
  expect_row(out.row(0), logs(kBob), "bob");
  expect_row(out.row(1), logs({2, 3, 6, 1}), "nobody");
  expect_row(out.row(2), logs(kAnn), "ann");
}

TEST_P(Walk, EveryStepHandsOnWhatTheTableSays) {
  engine::Context context(model.info, model.head, {.strategy = GetParam()});
  const Batch input = batch();
  engine::check(context, input);

  engine::Walk walk = engine::plan(context, input);
  EXPECT_EQ(walk.groups.size(), 2U);
  EXPECT_EQ(walk.row_order, (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(walk.groups[0].lease, &bob);
  EXPECT_EQ(walk.groups[1].begin, 1);
  EXPECT_EQ(walk.groups[1].end, 2);
  EXPECT_TRUE(walk.rows[1].inert);
  EXPECT_EQ(walk.rows[1].group, -1);

  engine::look_up(walk);
  EXPECT_NEAR(walk.rows[0].personal_weight, 0.48, 1e-12);
  EXPECT_NEAR(walk.rows[0].base_weight, 0.32, 1e-12);
  EXPECT_NEAR(walk.rows[0].own_weight, 0.2, 1e-12);
  EXPECT_EQ(walk.rows[0].shared_weight, 0.0);
  ASSERT_EQ(walk.groups[0].selected.size(), 2U);
  EXPECT_EQ(walk.groups[0].selected[1].index, 1);
  EXPECT_EQ(walk.groups[1].selected.size(), 1U);

  engine::compose(context, walk);
  EXPECT_EQ(walk.groups[0].bottleneck.latents, 2);
  EXPECT_EQ(walk.groups[1].bottleneck.latents, 1);

  engine::apply(context, walk);
  if (walk.groups[0].strategy == Strategy::kProjected) {
    expect_row(walk.groups[0].weights.row(0), {1, 1}, "z of bob");
    expect_row(walk.groups[1].weights.row(0), {1}, "z of ann");
  } else {
    expect_row(walk.delta.row(0), {std::log(2.0), std::log(2.0)}, "delta of bob");
    expect_row(walk.delta.row(1), {std::log(2.0), 0}, "delta of ann");
  }

  Matrix<float> out(3, 4);
  engine::project(context, walk, out.view());
  expect_row(out.row(0), logs({4, 6, 24, 1}), "personal logits of bob");
  expect_row(out.row(2), logs({4, 3, 12, 1}), "personal logits of ann");

  engine::recall(context, walk);
  ASSERT_EQ(walk.rows[0].recalled.size(), 2U);
  EXPECT_EQ(walk.rows[0].recalled[0].token, 1);
  EXPECT_NEAR(walk.rows[0].recalled[0].mass, 0.2 / 4, 1e-7);
  EXPECT_EQ(walk.rows[0].recalled[1].token, 3);
  EXPECT_NEAR(walk.rows[0].recalled[1].mass, 0.2 * 3 / 4, 1e-7);
  EXPECT_TRUE(walk.rows[2].recalled.empty());

  engine::interpolate(context, walk, out.view());
  expect_row(out.row(0), logs(kBob), "bob");
  expect_row(out.row(2), logs(kAnn), "ann");
}

INSTANTIATE_TEST_SUITE_P(All, Walk,
                         testing::Values(Strategy::kAuto, Strategy::kComposed, Strategy::kFactored,
                                         Strategy::kProjected),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(Inert, EmptyProfilesKeepTheModelsBits) {
  const TinyModel model;
  std::mt19937 random(5);
  const auto pool = random_pool(model, {}, false);
  const auto shared_pool = random_pool(model, {}, true);
  ProfileMask none;
  none.down = BitMask(kAdapters);
  const ProfileMask some = random_mask(random, Algebra::kMixture, false);
  std::vector<Lease> leases = {Lease{}, make_lease("none", pool, none),
                               make_lease("no mask", pool, {}),
                               make_lease("switched off", shared_pool, some, {.lambda_max = 0.0}),
                               make_lease("blind", pool, none, {.lambda_own = 0.5})};
  for (const Lease& lease : leases) EXPECT_TRUE(lease.inert()) << lease.name;
  EXPECT_FALSE(make_lease("shared", shared_pool, none).inert());
  EXPECT_FALSE(make_lease("masked", pool, some).inert());
  Lease remembering = make_lease("remembering", nullptr, {}, {.lambda_shared = 0.1});
  remembering.shared = {random_segment(random, model, 3)};
  EXPECT_FALSE(remembering.inert());
  std::vector<const Lease*> rows;
  for (const Lease& lease : leases) rows.push_back(&lease);
  rows.push_back(&remembering);
  TinyBatch batch(model, rows);
  batch.logits.row(0)[3] = -std::numeric_limits<float>::infinity();  // a sampler's ban
  Engine engine(model.info, model.head);
  const Matrix<float> out = run_step(engine, batch.view());
  for (std::size_t row = 0; row < leases.size(); ++row) {
    for (std::int64_t v = 0; v < kVocab; ++v) {
      const auto r = static_cast<std::int64_t>(row);
      ASSERT_EQ(out.row(r)[v], batch.logits.row(r)[v]) << leases[row].name;
    }
  }
}

}  // namespace
}  // namespace pema::test
