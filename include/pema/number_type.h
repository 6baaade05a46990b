/// The types that copies of a pool, made for speed, are kept in. What is stored is float32.
#pragma once

#include <cstdint>
#include <string_view>

namespace pema {

/// Kept in files: never renumber.
enum class NumberType : std::uint8_t {
  kFloat32,
  kFloat16,   ///< half of the bytes, 11 significant bits, up to 65,504
  kBFloat16,  ///< half of the bytes, 8 significant bits, the range of float32
  kInt8,      ///< a quarter of the bytes, 255 steps, sums of integers are exact
};

/// float32, float16, bfloat16 or int8.
[[nodiscard]] std::string_view to_string(NumberType type) noexcept;
/// Throws kInvalidArgument.
[[nodiscard]] NumberType parse_number_type(std::string_view text);
/// Bytes of one number: 4, 2, 2 or 1.
[[nodiscard]] std::int64_t bytes_of(NumberType type) noexcept;

}  // namespace pema
