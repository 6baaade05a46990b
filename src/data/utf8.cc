#include "src/data/utf8.h"

#include <cstddef>

namespace pema::data {
namespace {

/// Number of continuation bytes after `lead`, and the range of the first of them; -1 for a byte
/// that cannot start a character.
struct Lead {
  int more;
  unsigned char low;
  unsigned char high;
};

Lead classify(unsigned char lead) noexcept {
  if (lead < 0x80) return {0, 0, 0};
  if (lead < 0xC2) return {-1, 0, 0};
  if (lead < 0xE0) return {1, 0x80, 0xBF};
  if (lead == 0xE0) return {2, 0xA0, 0xBF};
  if (lead == 0xED) return {2, 0x80, 0x9F};
  if (lead < 0xF0) return {2, 0x80, 0xBF};
  if (lead == 0xF0) return {3, 0x90, 0xBF};
  if (lead < 0xF4) return {3, 0x80, 0xBF};
  if (lead == 0xF4) return {3, 0x80, 0x8F};
  return {-1, 0, 0};
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  std::size_t i = 0;
  while (i < text.size()) {
    const Lead lead = classify(static_cast<unsigned char>(text[i]));
    if (lead.more < 0 || text.size() - i - 1 < static_cast<std::size_t>(lead.more)) return false;
    for (int k = 1; k <= lead.more; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      const bool first = k == 1;
      if (byte < (first ? lead.low : 0x80) || byte > (first ? lead.high : 0xBF)) return false;
    }
    i += static_cast<std::size_t>(lead.more) + 1;
  }
  return true;
}

}  // namespace pema::data
