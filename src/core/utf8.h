/// UTF-8 (RFC 3629): the one place that decides what is well-formed. Thread-safety: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pema::core {

/// Bytes of the UTF-8 character at the start of `text` (1 to 4), 0 when there is none: empty text,
/// overlong form, surrogate, past U+10FFFF, or bytes missing.
[[nodiscard]] std::size_t utf8_character_bytes(std::string_view text) noexcept;

/// True when `text` is 1 to 3 bytes that more bytes could turn into a character.
[[nodiscard]] bool utf8_is_unfinished(std::string_view text) noexcept;

/// Offset of the first byte that no well-formed character begins at, or -1 when `text` is UTF-8.
[[nodiscard]] std::int64_t first_invalid_utf8(std::string_view text) noexcept;

/// True when all of `text` is well-formed UTF-8.
[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  return first_invalid_utf8(text) < 0;
}

}  // namespace pema::core
