/// Tokens per second of a reply, ours and plain llama.cpp's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "bench/decode/plain_llama.h"
#include "pema/engine.h"
#include "pema/plm/language_model.h"

namespace pema::bench {

inline constexpr char kPrompt[] =
    "The history of written letters begins with clay tablets. In the first cities, merchants";

/// Tokens per second of the reply to `prompt`, greedy, as `pema generate` gives it; `lease` may be
/// null. Throws kInternal when the reply ends before half of `tokens`.
[[nodiscard]] double generate(plm::LanguageModel& model, Engine& engine,
                              std::shared_ptr<const Lease> lease,
                              std::span<const std::int32_t> prompt, std::int64_t tokens,
                              std::int64_t context);
/// The same of llama.cpp.
[[nodiscard]] double generate(PlainLlama& llama, std::span<const std::int32_t> prompt,
                              std::int64_t tokens);

}  // namespace pema::bench
