/// UTF-8, one character at a time.
#pragma once

#include <cstddef>
#include <string_view>

namespace pema::tools {

/// Bytes of the UTF-8 character at the start of `text` (1 to 4), 0 when there is none: empty text,
/// overlong form, surrogate, past U+10FFFF, or bytes missing.
[[nodiscard]] std::size_t utf8_character_bytes(std::string_view text) noexcept;

/// True when `text` is 1 to 3 bytes that more bytes could turn into a character.
[[nodiscard]] bool utf8_is_unfinished(std::string_view text) noexcept;

}  // namespace pema::tools
