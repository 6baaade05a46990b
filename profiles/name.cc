#include "profiles/name.h"

#include <cstddef>
#include <cstdint>

#include "pema/error.h"

namespace pema::profiles {
namespace {

/// Decodes the code point that starts at `at` and moves `at` past it; -1 when it is not valid
/// UTF-8.
std::int64_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return static_cast<unsigned char>(text[i]);
  };
  const std::uint32_t first = byte(at);
  std::size_t length = 1;
  std::uint32_t value = first;
  std::uint32_t smallest = 0;
  if (first >= 0xf0 && first < 0xf8) {
    length = 4, value = first & 0x07, smallest = 0x10000;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3, value = first & 0x0f, smallest = 0x800;
  } else if (first >= 0xc0 && first < 0xe0) {
    length = 2, value = first & 0x1f, smallest = 0x80;
  } else if (first >= 0x80) {
    return -1;
  }
  if (text.size() - at < length) return -1;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return -1;
    value = (value << 6) | (byte(at + i) & 0x3f);
  }
  at += length;
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < smallest || surrogate || value > 0x10ffff ? -1 : std::int64_t{value};
}

}  // namespace

void check_name(std::string_view name, std::string_view what) {
  PEMA_CHECK(!name.empty() && name.size() <= 255, kInvalidArgument, "a ", what,
             " has 1 to 255 bytes, not ", name.size());
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t start = at;
    const std::int64_t point = next_code_point(name, at);
    PEMA_CHECK(point >= 0, kInvalidArgument, "a ", what, " is UTF-8; byte ", start,
               " of this one is not");
    const bool control = point < 0x20 || (point >= 0x7f && point <= 0x9f);
    PEMA_CHECK(!control, kInvalidArgument, "a ", what, " has no control characters; byte ", start,
               " of this one is one");
  }
}

}  // namespace pema::profiles
