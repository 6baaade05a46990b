/// Identity of a base model (docs/formats/fingerprint.md).
#pragma once

#include <string>

#include "pema/digest.h"
#include "src/plm/gguf_header.h"

namespace pema::plm {

/// SHA-256 over architecture, sizes, tokeniser, the whole head and norms, and the first 4 KiB of
/// every other tensor. `head` names the tensor used as head.
[[nodiscard]] Digest fingerprint(const GgufFile& file, const std::string& architecture,
                                 const std::string& head);

}  // namespace pema::plm
