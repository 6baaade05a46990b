// Names and sizes of the number types.
#include "pema/number_type.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace pema {
namespace {

TEST(NumberType, NamesAreReadBack) {
  for (const NumberType type :
       {NumberType::kFloat32, NumberType::kFloat16, NumberType::kBFloat16, NumberType::kInt8}) {
    EXPECT_EQ(parse_number_type(to_string(type)), type);
  }
  test::expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_number_type("int4"); }, "bfloat16");
}

TEST(NumberType, BytesAreThoseOfOneNumber) {
  EXPECT_EQ(bytes_of(NumberType::kFloat32), 4);
  EXPECT_EQ(bytes_of(NumberType::kFloat16), 2);
  EXPECT_EQ(bytes_of(NumberType::kBFloat16), 2);
  EXPECT_EQ(bytes_of(NumberType::kInt8), 1);
}

}  // namespace
}  // namespace pema
