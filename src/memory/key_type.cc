#include "pema/error.h"
#include "pema/memory.h"

namespace pema {

std::string_view to_string(KeyType type) noexcept {
  switch (type) {
    case KeyType::kFloat32:
      return "f32";
    case KeyType::kFloat16:
      return "f16";
    case KeyType::kInt8:
      return "int8";
    case KeyType::kProductQuantised:
      return "pq";
  }
  return "unknown";
}

KeyType parse_key_type(std::string_view text) {
  for (const KeyType type :
       {KeyType::kFloat32, KeyType::kFloat16, KeyType::kInt8, KeyType::kProductQuantised}) {
    if (text == to_string(type)) return type;
  }
  fail(ErrorCode::kInvalidArgument, "'", text, "' is no type of keys; use f32, f16, int8 or pq");
}

}  // namespace pema
