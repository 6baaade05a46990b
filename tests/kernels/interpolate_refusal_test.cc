// Logits that no mixture can be made of are refused wherever they stand.
#include <gtest/gtest.h>

#include <bit>

#include "hwy/targets.h"
#include "tests/kernels/interpolate_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::kernels {
namespace {

TEST(Interpolate, ABadValueInAnyStretchIsRefused) {
  // NaN of either sign, with bits that an exponent added to them would disturb.
  const float nan = std::bit_cast<float>(0x7fc00001U);
  const float negative_nan = std::bit_cast<float>(0xffc12345U);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    for (const float bad : {nan, negative_nan, kInf}) {
      for (const std::size_t place : {0, 1, 17, 4096, 5000, 8190, 8997}) {
        std::vector<float> logits(8998, 0.5F);
        logits[place] = bad;
        ThreadPool pool(2);
        std::vector<float> out(8998);
        const std::vector<MixtureRow> rows{{logits.data(), logits.data(), 0.5, 0.5, {}}};
        test::expect_error(
            ErrorCode::kInvalidArgument,
            [&] { interpolate(rows, 8998, std::vector<float*>{out.data()}, pool); },
            "base logits of row 0");
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(Interpolate, SourcesThatAreNoDistributionAreRefused) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInf}) {
    std::vector<float> logits(37, 0.5F);
    logits[36] = bad;
    test::expect_error(
        ErrorCode::kInvalidArgument,
        [&] {
          (void)mix({logits.data(), nullptr, 1, 0, {}}, 37);
        },
        "base logits of row 0");
  }
  const std::vector<float> nothing(5, -kInf);
  test::expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)mix({nullptr, nothing.data(), 0, 1, {}}, 5);
      },
      "personal");
  test::expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)mix({nullptr, nullptr, 0, 1, {}}, 5);
      },
      "no personal");
}

}  // namespace
}  // namespace pema::kernels
