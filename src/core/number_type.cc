#include "pema/number_type.h"

#include "pema/error.h"

namespace pema {

std::string_view to_string(NumberType type) noexcept {
  switch (type) {
    case NumberType::kFloat32:
      return "float32";
    case NumberType::kFloat16:
      return "float16";
    case NumberType::kBFloat16:
      return "bfloat16";
    case NumberType::kInt8:
      return "int8";
  }
  return "unknown";
}

NumberType parse_number_type(std::string_view text) {
  for (const NumberType type :
       {NumberType::kFloat32, NumberType::kFloat16, NumberType::kBFloat16, NumberType::kInt8}) {
    if (text == to_string(type)) return type;
  }
  fail(ErrorCode::kInvalidArgument, "'", text,
       "' is no number type; use float32, float16, bfloat16 or int8");
}

std::int64_t bytes_of(NumberType type) noexcept {
  switch (type) {
    case NumberType::kFloat32:
      return 4;
    case NumberType::kFloat16:
    case NumberType::kBFloat16:
      return 2;
    case NumberType::kInt8:
      return 1;
  }
  return 4;
}

}  // namespace pema
