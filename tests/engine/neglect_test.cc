// Neglecting unlikely words: the stated error bound, what stays exact, what is not computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/shortlist.h"
#include "tests/support/reference.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

constexpr std::int64_t kWords = 1500;
constexpr double kTolerance = 1e-5;  // docs/numerics.md, the exact strategies

double dot(const float* a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < b.size(); ++k) sum += static_cast<double>(a[k]) * b[k];
  return sum;
}

double norm(std::span<const double> values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

/// What docs/numerics.md promises for one row, in float64.
struct Bound {
  std::vector<bool> listed;  ///< [V]
  double inside = 0;         ///< of |log P - exact log P| on the list
  double outside = 0;        ///< elsewhere
  double outside_by_norm = 0;
};

Bound bound_of(const TinyModel& model, const Lease& lease, const Batch& batch, std::int64_t row,
               double neglected_mass) {
  const std::span<const float> logits = batch.logits.row_span(row);
  const std::vector<double> delta = reference_delta(lease, batch.features.row_span(row));
  std::vector<float> scratch(logits.size());
  const auto list = kernels::make_shortlist(logits, neglected_mass, scratch.data());
  Bound bound;
  bound.listed.resize(logits.size());
  for (const std::int32_t word : list.words) bound.listed[static_cast<std::size_t>(word)] = true;
  double neglected = 0;  // of the base's exponentials
  double all = 0;        // of the approximate personal exponentials
  double largest = 0;    // D
  double by_norm = 0;
  for (std::size_t w = 0; w < logits.size(); ++w) {
    const float* head = model.head.weight.row(static_cast<std::int64_t>(w));
    const double moved = dot(head, delta);
    const double base = std::exp(static_cast<double>(logits[w]));
    if (bound.listed[w]) {
      all += base * std::exp(moved);
      continue;
    }
    neglected += base;
    all += base;
    largest = std::max(largest, std::abs(moved));
    by_norm =
        std::max(by_norm, norm(delta) * norm(std::vector<double>(head, head + model.info.hidden)));
  }
  const auto inside = [&](double d) { return std::log1p(neglected / all * std::expm1(d)); };
  bound.inside = inside(largest);
  bound.outside = largest + inside(largest);
  bound.outside_by_norm = by_norm + inside(by_norm);
  return bound;
}

/// Largest |log P - exact log P| on and off the list, after a check of every word.
std::pair<double, double> expect_bound(const TinyModel& model, const Batch& batch,
                                       double neglected_mass) {
  Engine engine(model.info, model.head, {.threads = 2, .neglected_mass = neglected_mass});
  const Matrix<float> out = run_step(engine, batch);
  double inside = 0;
  double outside = 0;
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    const Lease& lease = *batch.leases[static_cast<std::size_t>(row)];
    const Bound bound = bound_of(model, lease, batch, row, neglected_mass);
    const std::vector<double> exact = reference_row(model.head, batch, row);
    EXPECT_LE(bound.outside, bound.outside_by_norm);
    for (std::size_t w = 0; w < exact.size(); ++w) {
      const double error = std::abs(static_cast<double>(out.row(row)[w]) - exact[w]);
      EXPECT_LE(error, (bound.listed[w] ? bound.inside : bound.outside) + kTolerance)
          << "row " << row << " word " << w;
      double& largest = bound.listed[w] ? inside : outside;
      largest = std::max(largest, error);
    }
  }
  return {inside, outside};
}

class Neglect : public testing::Test {
 protected:
  std::shared_ptr<const Pool> pool(Form form = Form::kResidual,
                                   Algebra algebra = Algebra::kMixture) const {
    PoolInfo info;
    info.form = form;
    info.algebra = algebra;
    return random_pool(model, info, false);
  }
  Lease person(const std::shared_ptr<const Pool>& of, double lambda, double own = 0) {
    Lease lease = make_lease("p", of, random_mask(random, of->info().algebra, false),
                             {.lambda_max = lambda, .lambda_own = own, .temperature = 0.4});
    if (own > 0) lease.own = {random_segment(random, model, 25)};
    return lease;
  }

  TinyModel model{1, kHidden, kWords};
  std::mt19937 random{5};
};

TEST_F(Neglect, StaysWithinTheBoundOnRandomRows) {
  for (const Algebra algebra : {Algebra::kMixture, Algebra::kSeparate}) {
    const auto adapters = pool(Form::kResidual, algebra);
    std::vector<Lease> leases;
    for (const double lambda : {0.1, 0.5, 1.0}) leases.push_back(person(adapters, lambda));
    std::vector<const Lease*> rows;
    for (std::size_t i = 0; i < 30; ++i) rows.push_back(&leases[i % 3]);
    for (const double mass : {0.1, 1e-2, 1e-4}) {
      const TinyBatch batch(model, rows, static_cast<unsigned>(1e5 * mass));
      const auto [inside, outside] = expect_bound(model, batch.view(), mass);
      EXPECT_GT(inside, 0.0);
      EXPECT_GT(outside, 1e-2);  // the option does something
    }
  }
}

TEST_F(Neglect, StaysWithinTheBoundWhereDeltasAreLargeOnNeglectedWords) {
  // An adapter that answers every feature with a step along an unlikely word's own row of W.
  for (const float size : {2.0F, 8.0F, -8.0F}) {
    TinyBatch batch(model, std::vector<const Lease*>(6, nullptr));
    std::vector<Lease> leases;
    for (std::int64_t row = 0; row < 6; ++row) {
      const auto logits = batch.logits.view().row_span(row);
      const auto unlikely = std::min_element(logits.begin(), logits.end()) - logits.begin();
      const auto x = batch.features.view().row_span(row);
      Matrix<float> down(1, kHidden);
      Matrix<float> up(1, kHidden);
      double squares = 0;
      for (const float value : x) squares += static_cast<double>(value * value);
      for (std::int64_t k = 0; k < kHidden; ++k) {
        down.row(0)[k] = x[static_cast<std::size_t>(k)] / static_cast<float>(squares);
        up.row(0)[k] = size * model.head.weight.row(unlikely)[k];
      }
      PoolInfo info;
      info.form = Form::kResidual;
      info.model = model.info.fingerprint;
      const auto block = AdapterBlock::make(1, 1, down.view(), up.view(), std::vector<float>{1.0F});
      ProfileMask mask;
      mask.down = BitMask::from_indices(1, std::vector<std::int64_t>{0});
      leases.push_back(make_lease("loud",
                                  std::make_shared<const Pool>(info, nullptr, std::vector{block}),
                                  mask, {.lambda_max = 0.7}));
    }
    for (std::size_t row = 0; row < 6; ++row) batch.leases[row] = &leases[row];
    for (const double mass : {0.1, 1e-3}) {
      const auto [inside, outside] = expect_bound(model, batch.view(), mass);
      EXPECT_GT(outside, 0.5) << size;
    }
  }
}

TEST_F(Neglect, LeavesRowsItDoesNotConcernAlone) {
  const auto residual = pool();
  const Lease distribution = person(pool(Form::kDistribution), 0.5, 0.2);
  Lease memory = person(residual, 0.0, 0.3);
  const Lease inert = person(residual, 0.0);
  const TinyBatch batch(model, {&distribution, &memory, &inert, nullptr});
  Engine exact(model.info, model.head, {.threads = 1});
  Engine approximate(model.info, model.head, {.threads = 1, .neglected_mass = 0.1});
  const Matrix<float> a = run_step(exact, batch.view());
  const Matrix<float> b = run_step(approximate, batch.view());
  EXPECT_TRUE(std::equal(a.data(), a.data() + 4 * kWords, b.data()));
}

TEST_F(Neglect, RecallIsAddedToTheApproximateMixture) {
  Lease lease = person(pool(), 0.5);
  Lease remembering = lease;
  remembering.own = {random_segment(random, model, 25)};
  remembering.schedule.lambda_own = 0.25;
  const TinyBatch batch(model, {&lease, &remembering});
  TinyBatch same = batch;
  std::copy_n(batch.features.row(0), kHidden, same.features.row(1));
  std::copy_n(batch.logits.row(0), kWords, same.logits.row(1));
  same.step[1] = same.step[0];
  Engine engine(model.info, model.head, {.threads = 1, .neglected_mass = 0.05});
  const Matrix<float> out = run_step(engine, same.view());
  Engine exact(model.info, model.head, {.threads = 1});
  const Matrix<float> expected = run_step(exact, same.view());
  for (std::int64_t w = 0; w < kWords; ++w) {
    const auto mass = [&](const Matrix<float>& of) {
      return std::exp(static_cast<double>(of.row(1)[w])) -
             0.75 * std::exp(static_cast<double>(of.row(0)[w]));
    };
    EXPECT_NEAR(mass(out), mass(expected), 1e-5) << w;
  }
}

TEST_F(Neglect, EveryStrategyGivesTheSameBitsWithoutAProjection) {
  const Lease lease = person(pool(), 0.5);
  const TinyBatch batch(model, {&lease, &lease});
  Matrix<float> expected;
  for (const Strategy strategy :
       {Strategy::kFactored, Strategy::kAuto, Strategy::kComposed, Strategy::kProjected}) {
    Engine engine(model.info, model.head,
                  {.strategy = strategy, .expected_rows = 1 << 20, .neglected_mass = 0.02});
    const Matrix<float> out = run_step(engine, batch.view());
    if (strategy == Strategy::kFactored) expected = out;
    EXPECT_TRUE(std::equal(out.data(), out.data() + 2 * kWords, expected.data()));
    EXPECT_EQ(engine.cache_stats().entries, strategy == Strategy::kComposed ? 1 : 0);
  }
}

TEST_F(Neglect, FlatRowsListEveryWordAndAreExact) {
  const Lease lease = person(pool(), 0.5);
  TinyBatch batch(model, {&lease, &lease});
  std::fill_n(batch.logits.row(0), 2 * kWords, 1.5F);
  Engine engine(model.info, model.head, {.threads = 2, .neglected_mass = 0.1});
  const Matrix<float> out = run_step(engine, batch.view());
  for (std::int64_t row = 0; row < 2; ++row) {
    const std::vector<double> exact = reference_row(model.head, batch.view(), row);
    for (std::size_t w = 0; w < exact.size(); ++w) {
      EXPECT_NEAR(static_cast<double>(out.row(row)[w]), exact[w], kTolerance);
    }
  }
}

}  // namespace
}  // namespace pema::test
