// A row's bits depend on nothing but the row: not on neighbours, order, threads, cache or stride.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

struct Setting {
  Strategy strategy;
  double neglected_mass;
};

class Invariance : public testing::TestWithParam<Setting> {
 protected:
  Invariance() {
    std::mt19937 random(21);
    const auto segment = random_segment(random, model, 30);
    const auto codes = rounded(random, *segment, KeyType::kProductQuantised);
    const auto bytes = rounded(random, *random_segment(random, model, 40), KeyType::kInt8);
    const auto halves = rounded(random, *random_segment(random, model, 9), KeyType::kFloat16);
    for (const Algebra algebra : {Algebra::kMixture, Algebra::kSeparate}) {
      if (algebra == Algebra::kSeparate && GetParam().strategy == Strategy::kProjected) continue;
      for (const Form form : {Form::kResidual, Form::kDistribution}) {
        PoolInfo info;
        info.algebra = algebra;
        info.form = form;
        const auto pool = random_pool(model, info, form == Form::kResidual);
        for (int i = 0; i < 5; ++i) {
          Lease lease = make_lease("p", pool, random_mask(random, algebra, i == 4),
                                   {.curve = LambdaCurve::kSquared,
                                    .lambda_max = 0.2 * (i + 1),
                                    .lambda_own = i % 2 == 0 ? 0.3 : 0.0,
                                    .temperature = 0.3});
          if (i != 2) lease.own = {segment};
          if (i == 4) lease.own = {bytes, codes, segment, halves};
          leases.push_back(lease);
        }
      }
    }
    leases.push_back(leases[0]);  // another lease of an equal mask
    leases.back().gate = std::make_shared<const MixtureGate>(random_gate(random));
    leases.push_back(leases[0]);
    leases.push_back(Lease{});  // the empty profile
    for (const Lease& lease : leases) rows.push_back(&lease);
    rows.push_back(nullptr);
    rows.push_back(&leases[0]);
  }
  EngineOptions options(std::int64_t threads = 1, std::int64_t cache = 1 << 20) {
    return {.strategy = GetParam().strategy,
            .cache_bytes = cache,
            .threads = threads,
            .neglected_mass = GetParam().neglected_mass};
  }

  TinyModel model;
  std::vector<Lease> leases;
  std::vector<const Lease*> rows;
};

bool equal_rows(const Matrix<float>& a, std::int64_t row_a, const Matrix<float>& b,
                std::int64_t row_b) {
  return std::memcmp(a.row(row_a), b.row(row_b), static_cast<std::size_t>(4 * a.cols())) == 0;
}

Batch one_row(const TinyBatch& batch, std::int64_t row) {
  const auto i = static_cast<std::size_t>(row);
  const Batch all = batch.view();
  return {{all.features.row(row), 1, all.features.cols},
          {all.logits.row(row), 1, all.logits.cols},
          all.leases.subspan(i, 1),
          all.step.subspan(i, 1),
          all.source_length.subspan(i, 1),
          all.site};
}

TEST_P(Invariance, ARowAloneEqualsTheRowInTheBatch) {
  const TinyBatch batch(model, rows);
  Engine engine(model.info, model.head, options());
  const Matrix<float> together = run_step(engine, batch.view());
  for (std::int64_t row = 0; row < together.rows(); ++row) {
    Engine fresh(model.info, model.head, options());
    const Matrix<float> alone = run_step(fresh, one_row(batch, row));
    EXPECT_TRUE(equal_rows(alone, 0, together, row)) << "row " << row;
    const Matrix<float> warm = run_step(engine, one_row(batch, row));
    EXPECT_TRUE(equal_rows(warm, 0, together, row)) << "row " << row << ", warm cache";
  }
}

TEST_P(Invariance, ThreadsAndCacheSizesDoNotChangeABit) {
  const TinyBatch batch(model, rows);
  Engine engine(model.info, model.head, options());
  const Matrix<float> expected = run_step(engine, batch.view());
  for (const std::int64_t threads : {2, 3, 7}) {
    for (const std::int64_t cache : {0, 4000, 1 << 20}) {
      Engine other(model.info, model.head, options(threads, cache));
      for (int repeat = 0; repeat < 2; ++repeat) {
        const Matrix<float> out = run_step(other, batch.view());
        for (std::int64_t row = 0; row < out.rows(); ++row) {
          EXPECT_TRUE(equal_rows(out, row, expected, row))
              << threads << " threads, cache " << cache << ", row " << row;
        }
      }
    }
  }
}

TEST_P(Invariance, TheOrderOfRowsDoesNotChangeABit) {
  TinyBatch batch(model, rows);
  Engine engine(model.info, model.head, options(2));
  const Matrix<float> expected = run_step(engine, batch.view());
  std::vector<std::int64_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(9));
  TinyBatch shuffled = batch;
  for (std::size_t to = 0; to < order.size(); ++to) {
    const std::int64_t from = order[to];
    const auto i = static_cast<std::int64_t>(to);
    shuffled.leases[to] = batch.leases[static_cast<std::size_t>(from)];
    shuffled.step[to] = batch.step[static_cast<std::size_t>(from)];
    shuffled.source_length[to] = batch.source_length[static_cast<std::size_t>(from)];
    std::copy_n(batch.features.row(from), kHidden, shuffled.features.row(i));
    std::copy_n(batch.logits.row(from), kVocab, shuffled.logits.row(i));
  }
  const Matrix<float> out = run_step(engine, shuffled.view());
  for (std::size_t to = 0; to < order.size(); ++to) {
    EXPECT_TRUE(equal_rows(out, static_cast<std::int64_t>(to), expected, order[to]));
  }
}

TEST_P(Invariance, StridesDoNotChangeABitAndThePaddingStays) {
  const TinyBatch batch(model, rows);
  Engine engine(model.info, model.head, options());
  const Matrix<float> expected = run_step(engine, batch.view());
  const auto count = static_cast<std::int64_t>(rows.size());
  Matrix<float> features(count, kHidden + 5);
  Matrix<float> logits(count, kVocab + 3);
  Matrix<float> out(count, kVocab + 2);
  for (std::int64_t row = 0; row < count; ++row) {
    std::copy_n(batch.features.row(row), kHidden, features.row(row));
    std::copy_n(batch.logits.row(row), kVocab, logits.row(row));
  }
  Batch strided = batch.view();
  strided.features = {features.data(), count, kHidden, kHidden + 5};
  strided.logits = {logits.data(), count, kVocab, kVocab + 3};
  engine.step(strided, {out.data(), count, kVocab, kVocab + 2});
  for (std::int64_t row = 0; row < count; ++row) {
    EXPECT_EQ(std::memcmp(out.row(row), expected.row(row), 4 * kVocab), 0) << "row " << row;
    EXPECT_EQ(out.row(row)[kVocab], 0.0F);
    EXPECT_EQ(out.row(row)[kVocab + 1], 0.0F);
  }
}

TEST(Strategies, ComposedAndFactoredMixturesAreTheSameBits) {
  const TinyModel model;
  std::mt19937 random(4);
  const Lease lease =
      make_lease("p", random_pool(model, {}), random_mask(random, Algebra::kMixture, true));
  const TinyBatch batch(model, {&lease, &lease, &lease});
  Engine composed(model.info, model.head, {.strategy = Strategy::kComposed});
  Engine factored(model.info, model.head, {.strategy = Strategy::kFactored});
  const Matrix<float> a = run_step(composed, batch.view());
  const Matrix<float> b = run_step(factored, batch.view());
  for (std::int64_t row = 0; row < 3; ++row) EXPECT_TRUE(equal_rows(a, row, b, row));
}

/// Costs at which a batch's rows and the cache decide between composed and factored.
MachineCosts undecided_costs() {
  MachineCosts costs;
  costs.float32_add = 1e-3;  // never projected
  costs.pool_read = 1e-8;
  costs.composed_read = 0;
  costs.compose_copy = 2e-7;
  costs.compose_sum = 2e-5;
  costs.gate_add = 1e-6;
  return costs;
}

TEST(Strategies, WhatTheBatchMayChooseChangesNoBit) {
  const TinyModel model;
  std::mt19937 random(4);
  std::vector<Lease> leases;
  for (const Form form : {Form::kResidual, Form::kDistribution}) {
    for (const bool soft : {false, true}) {
      PoolInfo info;
      info.form = form;
      leases.push_back(
          make_lease("p", random_pool(model, info), random_mask(random, Algebra::kMixture, soft)));
    }
  }
  std::vector<const Lease*> rows;
  for (int repeat = 0; repeat < 3; ++repeat) {
    for (const Lease& lease : leases) rows.push_back(&lease);
  }
  const TinyBatch batch(model, rows);
  Engine factored(model.info, model.head, {.strategy = Strategy::kFactored});
  const Matrix<float> expected = run_step(factored, batch.view());
  std::int64_t composed_at_once = 0;
  std::int64_t never_composed = 0;
  for (const std::int64_t cache : {0, 20'000, 1 << 20}) {
    for (const std::int64_t life : {0, 1000}) {
      EngineOptions options{.cache_bytes = cache, .threads = 2, .expected_rows = life};
      options.costs = undecided_costs();
      Engine engine(model.info, model.head, options);
      for (int repeat = 0; repeat < 3; ++repeat) {
        const Matrix<float> out = run_step(engine, batch.view());
        for (std::int64_t row = 0; row < out.rows(); ++row) {
          EXPECT_TRUE(equal_rows(out, row, expected, row)) << "cache " << cache << ", row " << row;
          const Matrix<float> alone = run_step(engine, one_row(batch, row));
          EXPECT_TRUE(equal_rows(alone, 0, expected, row)) << "alone, row " << row;
        }
      }
      (engine.cache_stats().misses > 0 ? composed_at_once : never_composed) += 1;
    }
  }
  EXPECT_GT(composed_at_once, 0) << "nothing was ever composed: the test looks at nothing";
  EXPECT_GT(never_composed, 0);
}

TEST(Strategies, ASeparatePairOfMasksIsComputedAsItsLeaseSays) {
  // More rows would make composing pay, but its bits are others: the rows at hand may not decide.
  const TinyModel model;
  std::mt19937 random(4);
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  const Lease lease =
      make_lease("p", random_pool(model, info), random_mask(random, Algebra::kSeparate, true));
  const TinyBatch batch(model, std::vector<const Lease*>(40, &lease));
  EngineOptions options{.threads = 1};
  options.costs = undecided_costs();
  Engine engine(model.info, model.head, options);
  Engine factored(model.info, model.head, {.strategy = Strategy::kFactored});
  Engine composed(model.info, model.head, {.strategy = Strategy::kComposed});
  const Matrix<float> out = run_step(engine, batch.view());
  const Matrix<float> expected = run_step(factored, batch.view());
  const Matrix<float> other = run_step(composed, batch.view());
  std::int64_t differing = 0;
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    EXPECT_TRUE(equal_rows(out, row, expected, row)) << row;
    EXPECT_TRUE(equal_rows(run_step(engine, one_row(batch, row)), 0, out, row)) << row;
    differing += equal_rows(other, row, expected, row) ? 0 : 1;
  }
  EXPECT_GT(differing, 0) << "composing changed no bit: the test looks at nothing";
}

INSTANTIATE_TEST_SUITE_P(
    All, Invariance,
    testing::Values(Setting{Strategy::kAuto, 0}, Setting{Strategy::kComposed, 0},
                    Setting{Strategy::kFactored, 0}, Setting{Strategy::kProjected, 0},
                    Setting{Strategy::kAuto, 0.1}, Setting{Strategy::kComposed, 1e-3}),
    [](const auto& tested) {
      return std::string(to_string(tested.param.strategy)) +
             (tested.param.neglected_mass > 0 ? "_neglecting" : "");
    });

}  // namespace
}  // namespace pema::test
