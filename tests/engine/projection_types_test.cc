// The projection in smaller number types: near the float32 one, and the same bits in any company.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

double norm(const float* values, std::int64_t count) {
  double squares = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return std::sqrt(squares);
}

/// Of the largest number of a row, what keeping a number in the type may cost.
double rounding(NumberType type) {
  if (type == NumberType::kInt8) return 1.0 / 254;
  return type == NumberType::kFloat16 ? 0x1p-11 : 0x1p-8;
}

/// What rounding U may move a personal logit by: per up row |w| max |U| times the rounding, with
/// |w| <= scale |a| |x|, and as much as a half more for the rounding of the weights in int8.
double logit_bound(const TinyModel& model, const AdapterBlock& block, double x, NumberType type) {
  double bound = 0;
  const AdapterBlockView view = block.view();
  for (std::int64_t f = 0; f < view.up.rows; ++f) {
    double largest = 0;
    for (std::int64_t v = 0; v < kVocab; ++v) {
      double u = 0;
      for (std::int64_t c = 0; c < kHidden; ++c) {
        u += static_cast<double>(model.head.weight.row(v)[c]) *
             static_cast<double>(view.up.row(f)[c]);
      }
      largest = std::max(largest, std::abs(u));
    }
    const double scale = view.scale[static_cast<std::size_t>(f / view.rank)];
    bound += 1.5 * std::abs(scale) * norm(view.down.row(f), kHidden) * x * largest * rounding(type);
  }
  return bound;
}

class ProjectionType : public testing::TestWithParam<NumberType> {
 protected:
  ProjectionType() {
    PoolInfo info;
    info.algebra = Algebra::kMixture;
    info.form = Form::kResidual;
    pool = random_pool(model, info);
    for (int i = 0; i < 5; ++i) {
      leases.push_back(make_lease("p" + std::to_string(i), pool,
                                  random_mask(random, Algebra::kMixture, i % 2 == 1)));
    }
  }
  Matrix<float> run(const Batch& batch, NumberType projection, std::int64_t threads = 2) {
    Engine engine(model.info, model.head,
                  {.strategy = Strategy::kProjected, .projection = projection, .threads = threads});
    Matrix<float> out(batch.features.rows, kVocab);
    engine.step(batch, out.view());
    return out;
  }

  TinyModel model;
  std::mt19937 random{3};
  std::shared_ptr<const Pool> pool;
  std::vector<Lease> leases;
};

TEST_P(ProjectionType, IsNearTheFloat32One) {
  const TinyBatch tiny(model, {&leases[0], &leases[1], &leases[2], &leases[3], &leases[4]});
  const Matrix<float> exact = run(tiny.view(), NumberType::kFloat32);
  const Matrix<float> rounded = run(tiny.view(), GetParam());
  bool differs = false;
  for (std::int64_t row = 0; row < 5; ++row) {
    const double x = norm(tiny.view().features.row(row), kHidden);
    double bound = logit_bound(model, *pool->shared(), x, GetParam());
    for (const auto& block : pool->blocks()) bound += logit_bound(model, *block, x, GetParam());
    for (std::int64_t v = 0; v < kVocab; ++v) {
      // An error of e in every logit moves a log-probability by at most 2 e.
      EXPECT_NEAR(static_cast<double>(rounded.row(row)[v]), static_cast<double>(exact.row(row)[v]),
                  2 * bound)
          << row << " " << v;
      differs |= rounded.row(row)[v] != exact.row(row)[v];
    }
  }
  EXPECT_TRUE(differs);
}

TEST_P(ProjectionType, CompanyAndThreadsDoNotChangeABit) {
  const TinyBatch together(model, {&leases[0], &leases[1], &leases[2], &leases[0], nullptr});
  const Matrix<float> whole = run(together.view(), GetParam());
  for (std::int64_t row = 0; row < 5; ++row) {
    Batch alone = together.view();
    const auto i = static_cast<std::size_t>(row);
    alone.features = {alone.features.row(row), 1, kHidden};
    alone.logits = {alone.logits.row(row), 1, kVocab};
    alone.leases = alone.leases.subspan(i, 1);
    alone.step = alone.step.subspan(i, 1);
    alone.source_length = alone.source_length.subspan(i, 1);
    const Matrix<float> out = run(alone, GetParam(), 1);
    EXPECT_TRUE(std::equal(out.data(), out.data() + kVocab, whole.row(row))) << row;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ProjectionType,
                         testing::Values(NumberType::kFloat16, NumberType::kBFloat16,
                                         NumberType::kInt8),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST(ProjectionTypes, WhatFloat16CannotHoldIsRefused) {
  const TinyModel model;
  std::mt19937 random(4);
  const Matrix<float> down = random_matrix(random, kRank, kHidden);
  const Matrix<float> up = random_matrix(random, kRank, kHidden, 1e6F);
  const std::vector<float> scale{1};
  PoolInfo info;
  info.algebra = Algebra::kMixture;
  info.model = model.info.fingerprint;
  const auto pool = std::make_shared<const Pool>(
      info, nullptr, std::vector{AdapterBlock::make(1, kRank, down.view(), up.view(), scale)});
  ProfileMask mask;
  mask.down = BitMask(1);
  mask.down.set(0);
  const Lease lease = make_lease("p", pool, mask);
  const TinyBatch batch(model, {&lease});
  for (const NumberType type : {NumberType::kFloat32, NumberType::kBFloat16}) {
    Engine engine(model.info, model.head, {.strategy = Strategy::kProjected, .projection = type});
    EXPECT_NO_THROW((void)run_step(engine, batch.view()));
  }
  Engine engine(model.info, model.head,
                {.strategy = Strategy::kProjected, .projection = NumberType::kFloat16});
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)run_step(engine, batch.view()); }, "float16");
}

}  // namespace
}  // namespace pema::test
