// Features in 16 bits give what the same numbers in float32 give.
#include <gtest/gtest.h>

#include "kernels/half.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

class HalfFeatures : public testing::TestWithParam<NumberType> {
 protected:
  HalfFeatures() {
    half = Matrix<std::uint16_t>(4, kHidden + 3);  // rows further apart than they are wide
    for (std::int64_t row = 0; row < 4; ++row) {
      for (std::int64_t c = 0; c < kHidden; ++c) {
        half.row(row)[c] = kernels::to_half(batch.features.row(row)[c], GetParam());
        batch.features.row(row)[c] = kernels::from_half(half.row(row)[c], GetParam());
      }
    }
  }
  [[nodiscard]] Batch in_half() const {
    Batch given = batch.view();
    given.features = {};
    given.half_features = {half.data(), 4, kHidden, kHidden + 3};
    given.half_type = GetParam();
    return given;
  }

  TinyModel model;
  std::mt19937 random{5};
  Lease lease =
      make_lease("p", random_pool(model, {}), random_mask(random, Algebra::kMixture, false));
  TinyBatch batch{model, {&lease, nullptr, &lease, &lease}};
  Matrix<std::uint16_t> half;
  Engine engine{model.info, model.head};
};

INSTANTIATE_TEST_SUITE_P(Types, HalfFeatures,
                         testing::Values(NumberType::kFloat16, NumberType::kBFloat16));

TEST_P(HalfFeatures, AreWidenedExactly) {
  const Matrix<float> expected = run_step(engine, batch.view());
  Matrix<float> out(4, kVocab);
  engine.step(in_half(), out.view());
  EXPECT_TRUE(std::equal(out.data(), out.data() + 4 * kVocab, expected.data()));
  const std::vector<std::int64_t> targets{0, 5, 96, 7};
  EXPECT_EQ(engine.target_log_probabilities(in_half(), targets),
            engine.target_log_probabilities(batch.view(), targets));
}

TEST_P(HalfFeatures, BesideFloat32OrOfAnotherTypeOrNotFiniteAreRefused) {
  Matrix<float> out(4, kVocab);
  const auto refused = [&](const Batch& given, const std::string& says) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { engine.step(given, out.view()); }, says);
  };
  Batch given = in_half();
  given.features = batch.features.view();
  refused(given, "give one of them");
  given = in_half();
  given.half_type = NumberType::kInt8;
  refused(given, "half_type is int8");
  half.row(2)[1] = GetParam() == NumberType::kFloat16 ? 0x7c00 : 0x7f80;  // infinity
  refused(in_half(), "row 2");
}

}  // namespace
}  // namespace pema::test
