/// Is a text UTF-8?
#pragma once

#include <string_view>

namespace pema::data {

/// True when `text` is well-formed UTF-8 (RFC 3629: no overlong forms, surrogates or values above
/// U+10FFFF). Never throws. Thread-safety: pure.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace pema::data
