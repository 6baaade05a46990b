/// UTF-8 as RFC 3629 has it.
#pragma once

#include <cstdint>
#include <string_view>

namespace pema::plm {

/// Offset of the first byte that no valid character begins at, or -1 when `text` is valid:
/// overlong forms, surrogates, code points above U+10FFFF and cut characters are invalid.
[[nodiscard]] std::int64_t first_invalid_utf8(std::string_view text) noexcept;

}  // namespace pema::plm
