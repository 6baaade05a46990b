/// Feeding a sequence, all or nothing.
#pragma once

#include <cstdint>
#include <span>

#include "src/plm/decoder.h"

namespace pema::plm {

/// Evaluates `tokens` at positions [length, length + tokens.size()) of `sequence` in decodes of at
/// most decoder.batch() tokens; the last token's row is output 0 of the last decode. On an
/// exception the sequence ends at `length` again. Requires at least one token.
void append_or_roll_back(Decoder& decoder, std::int64_t sequence, std::int64_t length,
                         std::span<const std::int32_t> tokens);

}  // namespace pema::plm
