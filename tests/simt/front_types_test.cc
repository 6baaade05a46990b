// Half conversions of the emulator's side, over all bit patterns.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cuda/simt.h"

namespace simt {
namespace {

template <class T>
void expect_nearest_even(std::uint16_t infinity) {
  for (std::uint32_t bits = 0; bits < infinity; ++bits) {
    const T here{static_cast<std::uint16_t>(bits)};
    const T next{static_cast<std::uint16_t>(bits + 1)};
    const float value = to_float(here);
    ASSERT_EQ(from_float<T>(value).bits, bits);
    ASSERT_EQ(from_float<T>(-value).bits, bits | 0x8000U);
    if (bits + 1 == infinity) {
      continue;
    }
    const float above = to_float(next);
    ASSERT_LT(value, above);
    const float middle = value / 2 + above / 2;  // exact: T has fewer digits than float
    ASSERT_EQ(from_float<T>(middle).bits, bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(from_float<T>(std::nextafter(middle, 0.0F)).bits, bits);
    ASSERT_EQ(from_float<T>(std::nextafter(middle, INFINITY)).bits, bits + 1);
  }
  EXPECT_EQ(to_float(T{infinity}), INFINITY);
  EXPECT_EQ(from_float<T>(INFINITY).bits, infinity);
  EXPECT_TRUE(std::isnan(to_float(from_float<T>(NAN))));
  EXPECT_EQ(from_float<T>(3.4e38F).bits, infinity);
}

TEST(FrontTypesTest, HalfRoundsToNearestEven) {
  expect_nearest_even<half_t>(0x7c00);
  EXPECT_EQ(to_float(half_t{0x3c00}), 1.0F);
  EXPECT_EQ(to_float(half_t{0x0001}), 0x1p-24F);
  EXPECT_EQ(to_float(half_t{0x7bff}), 65504.0F);
  EXPECT_EQ(from_float<half_t>(65519.0F).bits, 0x7bff);
  EXPECT_EQ(from_float<half_t>(65520.0F).bits, 0x7c00);
}

TEST(FrontTypesTest, BfloatRoundsToNearestEven) {
  expect_nearest_even<bf16_t>(0x7f80);
  EXPECT_EQ(to_float(bf16_t{0x3f80}), 1.0F);
}

TEST(FrontTypesTest, BitFunctionsCountAsCudaDoes) {
  EXPECT_EQ(__popc(0xf0U), 4);
  EXPECT_EQ(__popcll(~0ULL), 64);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(8), 4);
  EXPECT_EQ(__ffsll(1LL << 40), 41);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clzll(0), 64);
}

}  // namespace
}  // namespace simt
