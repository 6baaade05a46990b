#include "src/core/utf8.h"

namespace pema::core {
namespace {

unsigned char byte_at(std::string_view text, std::size_t index) noexcept {
  return static_cast<unsigned char>(text[index]);
}

/// Bytes that a character with this first byte has; 0 when no character begins so.
std::size_t announced_bytes(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/// Whether the second byte fits the first: no overlong form, surrogate, or point past U+10FFFF.
bool second_fits(unsigned char lead, unsigned char second) noexcept {
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high;
}

/// Whether the bytes there are, up to `size`, fit a character of that size.
bool bytes_fit(std::string_view text, std::size_t size) noexcept {
  for (std::size_t i = 1; i < text.size() && i < size; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return false;
    if (i == 1 && !second_fits(byte_at(text, 0), byte_at(text, 1))) return false;
  }
  return true;
}

}  // namespace

std::size_t utf8_character_bytes(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const std::size_t size = announced_bytes(byte_at(text, 0));
  return size <= text.size() && bytes_fit(text, size) ? size : 0;
}

bool utf8_is_unfinished(std::string_view text) noexcept {
  if (text.empty()) return false;
  const std::size_t size = announced_bytes(byte_at(text, 0));
  return text.size() < size && bytes_fit(text, size);
}

std::int64_t first_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = utf8_character_bytes(text.substr(at));
    if (bytes == 0) return static_cast<std::int64_t>(at);
    at += bytes;
  }
  return -1;
}

}  // namespace pema::core
