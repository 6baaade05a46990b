// Rows that are sure of their word are not recalled: which ones, and that they are then exactly
// what they would be without a memory.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

/// The largest probability of the softmax of `logits`, in float64.
double largest_probability(std::span<const float> logits) {
  double highest = -std::numeric_limits<double>::infinity();
  for (const float logit : logits) highest = std::max(highest, static_cast<double>(logit));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return 1.0 / sum;
}

Lease forgetful(Lease lease) {
  lease.own.clear();
  lease.shared.clear();
  return lease;
}

/// Leases with memories of every sort, and the same ones without.
struct People {
  explicit People(const TinyModel& model) {
    std::mt19937 random(23);
    const auto pool = random_pool(model, {});
    const auto own = random_segment(random, model, 30);
    const auto shared = random_segment(random, model, 50);
    const ProfileMask mask = random_mask(random, Algebra::kMixture, false);
    with.push_back(make_lease("both", pool, mask));
    with.back().own = {own};
    with.back().shared = {shared};
    with.back().schedule.lambda_own = 0.3;
    with.back().schedule.lambda_shared = 0.2;
    with.push_back(with.back());
    with.back().gate = std::make_shared<const MixtureGate>(random_gate(random));
    Lease bare;  // a memory and nothing else
    bare.own = {own};
    bare.schedule.lambda_own = 0.4;
    with.push_back(bare);
    for (const Lease& lease : with) without.push_back(forgetful(lease));
  }
  std::vector<Lease> with;
  std::vector<Lease> without;
};

std::vector<const Lease*> pointers(const std::vector<Lease>& leases, std::int64_t rows) {
  std::vector<const Lease*> all;
  for (std::int64_t i = 0; i < rows; ++i) {
    all.push_back(&leases[static_cast<std::size_t>(i) % leases.size()]);
  }
  return all;
}

void expect_same_row(const Matrix<float>& a, const Matrix<float>& b, std::int64_t row) {
  for (std::int64_t v = 0; v < kVocab; ++v) {
    ASSERT_EQ(a.row(row)[v], b.row(row)[v]) << "row " << row << ", word " << v;
  }
}

TEST(SkipRecall, SureRowsAreAsWithoutMemoryAndTheOthersAsEver) {
  constexpr std::int64_t kRows = 30;
  const TinyModel model;
  const People people(model);
  const TinyBatch batch(model, pointers(people.with, kRows), 3);
  const TinyBatch forgotten(model, pointers(people.without, kRows), 3);
  std::vector<double> sure;
  for (std::int64_t i = 0; i < kRows; ++i) {
    sure.push_back(largest_probability(batch.view().logits.row_span(i)));
  }
  std::vector<double> sorted = sure;
  std::sort(sorted.begin(), sorted.end());
  const double limit = (sorted[kRows / 2 - 1] + sorted[kRows / 2]) / 2;

  Engine searching(model.info, model.head, {.strategy = Strategy::kFactored});
  Engine skipping(model.info, model.head,
                  {.strategy = Strategy::kFactored, .skip_recall_above = limit});
  const Matrix<float> searched = run_step(searching, batch.view());
  const Matrix<float> plain = run_step(searching, forgotten.view());
  const Matrix<float> skipped = run_step(skipping, batch.view());
  for (std::int64_t i = 0; i < kRows; ++i) {
    const bool skips = sure[static_cast<std::size_t>(i)] > limit;
    if (skips && people.without[static_cast<std::size_t>(i) % 3].inert()) {
      // A lease with nothing else is mixed all the same: log P instead of logits.
      const double shift = static_cast<double>(plain.row(i)[0] - skipped.row(i)[0]);
      for (std::int64_t v = 0; v < kVocab; ++v) {
        ASSERT_NEAR(static_cast<double>(plain.row(i)[v] - skipped.row(i)[v]), shift, 1e-5);
      }
    } else {
      expect_same_row(skipped, skips ? plain : searched, i);
    }
  }
}

TEST(SkipRecall, AProfileThatLeavesTheModelNothingIsAlwaysSearched) {
  const TinyModel model;
  std::mt19937 random(29);
  Lease lease;
  lease.own = {random_segment(random, model, 30)};
  lease.schedule.lambda_own = 1.0;
  const TinyBatch batch(model, {&lease, &lease}, 3);
  Engine searching(model.info, model.head, {});
  Engine skipping(model.info, model.head, {.skip_recall_above = 1e-9});
  const Matrix<float> searched = run_step(searching, batch.view());
  const Matrix<float> skipped = run_step(skipping, batch.view());
  expect_same_row(searched, skipped, 0);
  expect_same_row(searched, skipped, 1);
}

TEST(SkipRecall, TheLimitIsAProbabilityAboveZero) {
  const TinyModel model;
  for (const double limit : {0.0, -0.5, 1.01, std::nan("")}) {
    expect_error(
        ErrorCode::kInvalidArgument,
        [&] { Engine(model.info, model.head, {.skip_recall_above = limit}); },
        "it must lie in (0, 1]");
  }
}

}  // namespace
}  // namespace pema::test
