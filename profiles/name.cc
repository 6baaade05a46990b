#include "profiles/name.h"

#include <cstddef>

#include "pema/error.h"
#include "src/core/utf8.h"

namespace pema::profiles {
namespace {

/// C0, DEL and C1, given one well-formed character.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) <= 0x9f;
}

}  // namespace

void check_name(std::string_view name, std::string_view what) {
  PEMA_CHECK(!name.empty() && name.size() <= 255, kInvalidArgument, "a ", what,
             " has 1 to 255 bytes, not ", name.size());
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t bytes = core::utf8_character_bytes(name.substr(at));
    PEMA_CHECK(bytes > 0, kInvalidArgument, "a ", what, " is UTF-8; byte ", at,
               " of this one is not");
    PEMA_CHECK(!is_control(name.substr(at, bytes)), kInvalidArgument, "a ", what,
               " has no control characters; byte ", at, " of this one is one");
    at += bytes;
  }
}

}  // namespace pema::profiles
