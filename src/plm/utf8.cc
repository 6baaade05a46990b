#include "src/plm/utf8.h"

namespace pema::plm {
namespace {

/// Bytes of the valid character at the start of `text`, 0 when there is none.
std::int64_t character_bytes(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  return static_cast<std::int64_t>(length);
}

}  // namespace

std::int64_t first_invalid_utf8(std::string_view text) noexcept {
  std::int64_t at = 0;
  const auto size = static_cast<std::int64_t>(text.size());
  while (at < size) {
    const std::int64_t bytes = character_bytes(text.substr(static_cast<std::size_t>(at)));
    if (bytes == 0) return at;
    at += bytes;
  }
  return -1;
}

}  // namespace pema::plm
