// Strategy composed in the separate algebra, from copies of the pool in every number type: against
// the float64 oracle, and the same bits in any company.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/engine/composition_fixture.h"
#include "tests/support/reference.h"

namespace pema::test {
namespace {

constexpr std::int64_t kFew = 9;

/// Of the largest number of a pool's side, or of a number, what keeping it may cost.
double rounding(NumberType type, double value, double largest) {
  switch (type) {
    case NumberType::kFloat16:
      return std::max(std::abs(value) * 0x1p-11, 0x1p-25);
    case NumberType::kBFloat16:
      return std::abs(value) * 0x1p-8;
    case NumberType::kInt8:
      return 0.5001 * largest / 127;
    case NumberType::kFloat32:
      break;
  }
  return 0;
}

/// A composed side and what it may be off by, [kRank, kHidden].
struct Side {
  std::vector<double> value = std::vector<double>(kRank * kHidden);
  std::vector<double> error = std::vector<double>(kRank * kHidden);
};

Side composed_side(const Lease& lease, bool up, NumberType type) {
  const Pool& pool = *lease.pool;
  const auto entry = [&](const AdapterBlockView& view, std::int64_t i, std::size_t e) {
    const float* rows = up ? view.up.row(i * kRank) : view.down.row(i * kRank);
    const double scale = up ? static_cast<double>(view.scale[static_cast<std::size_t>(i)]) : 1.0;
    return scale * static_cast<double>(rows[e]);
  };
  double largest = 0;
  for (const auto& block : pool.blocks()) {
    for (std::int64_t i = 0; i < block->view().count; ++i) {
      for (std::size_t e = 0; e < kRank * kHidden; ++e) {
        largest = std::max(largest, std::abs(entry(block->view(), i, e)));
      }
    }
  }
  Side side;
  std::int64_t first = 0;
  for (const auto& block : pool.blocks()) {
    for (std::int64_t i = 0; i < block->view().count && first + i < lease.mask.size(); ++i) {
      const double weight =
          pool.info().mask_scale * static_cast<double>(lease.mask.weight(first + i, up));
      for (std::size_t e = 0; e < kRank * kHidden; ++e) {
        const double value = entry(block->view(), i, e);
        side.value[e] += weight * value;
        side.error[e] += std::abs(weight) * rounding(type, value, largest);
      }
    }
    first += block->view().count;
  }
  return side;
}

/// docs/numerics.md: how far the type may move a row's log-probabilities.
double type_bound(const TinyModel& model, const Lease& lease, const float* x, NumberType type) {
  const Side down = composed_side(lease, false, type);
  const Side up = composed_side(lease, true, type);
  std::vector<double> delta_error(kHidden);
  for (std::size_t p = 0; p < kRank; ++p) {
    double z = 0;
    double z_error = 0;
    for (std::size_t c = 0; c < kHidden; ++c) {
      z += down.value[p * kHidden + c] * static_cast<double>(x[c]);
      z_error += down.error[p * kHidden + c] * std::abs(static_cast<double>(x[c]));
    }
    for (std::size_t c = 0; c < kHidden; ++c) {
      delta_error[c] += up.error[p * kHidden + c] * (std::abs(z) + z_error) +
                        std::abs(up.value[p * kHidden + c]) * z_error;
    }
  }
  double largest = 0;
  for (std::int64_t v = 0; v < kVocab; ++v) {
    double error = 0;
    for (std::int64_t c = 0; c < kHidden; ++c) {
      error += std::abs(static_cast<double>(model.head.weight.row(v)[c])) *
               delta_error[static_cast<std::size_t>(c)];
    }
    largest = std::max(largest, error);
  }
  return 2 * largest;
}

class Composition : public testing::TestWithParam<NumberType> {
 protected:
  std::vector<Lease> make_leases(const std::shared_ptr<const Pool>& pool) {
    std::vector<Lease> leases;
    for (const std::int64_t size : {kMany, kFew, kMany, std::int64_t{30}}) {
      for (const bool soft : {false, true}) {
        leases.push_back(
            make_lease("p", pool, random_mask(random, Algebra::kSeparate, soft, size)));
      }
    }
    return leases;
  }
  Engine engine(std::int64_t threads = 2, std::int64_t cache = 1 << 20) {
    return {model.info,
            model.head,
            {.strategy = Strategy::kComposed,
             .composition = GetParam(),
             .cache_bytes = cache,
             .threads = threads}};
  }

  TinyModel model;
  std::mt19937 random{17};
};

TEST_P(Composition, NumbersThatTheTypeHoldsGiveTheOraclesResult) {
  const std::vector<Lease> leases = make_leases(large_pool(model, true));
  const TinyBatch batch(model, pointers(leases));
  Engine tested = engine();
  const Matrix<float> out = run_step(tested, batch.view());
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    const std::vector<double> expected = reference_row(model.head, batch.view(), row);
    for (std::int64_t v = 0; v < kVocab; ++v) {
      ASSERT_NEAR(static_cast<double>(out.row(row)[v]), expected[static_cast<std::size_t>(v)], 1e-5)
          << "row " << row << " word " << v;
    }
  }
}

TEST_P(Composition, OtherNumbersMoveItWithinTheStatedBound) {
  const std::vector<Lease> leases = make_leases(large_pool(model, false, false));
  const TinyBatch batch(model, pointers(leases));
  Engine tested = engine();
  const Matrix<float> out = run_step(tested, batch.view());
  double most = 0;
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    const std::vector<double> expected = reference_row(model.head, batch.view(), row);
    const double bound = type_bound(model, leases[static_cast<std::size_t>(row)],
                                    batch.view().features.row(row), GetParam());
    for (std::int64_t v = 0; v < kVocab; ++v) {
      const double error =
          std::abs(static_cast<double>(out.row(row)[v]) - expected[static_cast<std::size_t>(v)]);
      most = std::max(most, error);
      ASSERT_LE(error, 1e-5 + bound) << "row " << row << " word " << v;
    }
  }
  // The copy is really in the type.
  if (GetParam() != NumberType::kFloat32) {
    EXPECT_GT(most, 1e-5);
  }
}

TEST_P(Composition, CompanyThreadsAndCacheDoNotChangeABit) {
  const std::vector<Lease> leases = make_leases(large_pool(model, false, false));
  const TinyBatch batch(model, pointers(leases));
  Engine first = engine(1);
  const Matrix<float> whole = run_step(first, batch.view());
  const auto expect_same = [&](const Matrix<float>& out, const std::string& what) {
    EXPECT_EQ(std::memcmp(out.data(), whole.data(),
                          static_cast<std::size_t>(4 * out.rows() * out.cols())),
              0)
        << what;
  };
  expect_same(run_step(first, batch.view()), "from the cache");
  for (const std::int64_t threads : {2, 5}) {
    Engine other = engine(threads);
    expect_same(run_step(other, batch.view()), std::to_string(threads) + " threads");
  }
  // Too small for anything but the decision of float32, which asks for the pool's size alone.
  if (GetParam() != NumberType::kFloat32) {
    Engine small = engine(2, 0);
    expect_same(run_step(small, batch.view()), "without a cache");
  }
  // One by one, backwards, so that each finds another cache.
  Engine alone = engine();
  for (std::int64_t row = whole.rows() - 1; row >= 0; --row) {
    const auto i = static_cast<std::size_t>(row);
    Batch one = batch.view();
    one.features = {one.features.row(row), 1, kHidden};
    one.logits = {one.logits.row(row), 1, kVocab};
    one.leases = one.leases.subspan(i, 1);
    one.step = one.step.subspan(i, 1);
    one.source_length = one.source_length.subspan(i, 1);
    const Matrix<float> out = run_step(alone, one);
    EXPECT_EQ(std::memcmp(out.data(), whole.row(row), 4 * kVocab), 0) << row;
  }
}

TEST_P(Composition, TargetsHaveTheBitsOfStep) {
  const std::vector<Lease> leases = make_leases(large_pool(model, false));
  const TinyBatch batch(model, pointers(leases));
  Engine stepped = engine();
  const Matrix<float> out = run_step(stepped, batch.view());
  Engine scored = engine();
  std::vector<std::int64_t> targets;
  for (std::int64_t row = 0; row < out.rows(); ++row) targets.push_back(11 * row % kVocab);
  const std::vector<double> scores = scored.target_log_probabilities(batch.view(), targets);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EXPECT_EQ(scores[i], static_cast<double>(out.row(static_cast<std::int64_t>(i))[targets[i]]));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Composition,
                         testing::Values(NumberType::kFloat32, NumberType::kFloat16,
                                         NumberType::kBFloat16, NumberType::kInt8),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

}  // namespace
}  // namespace pema::test
