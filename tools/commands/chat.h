/// A conversation on the terminal.
#pragma once

#include <memory>
#include <string>

#include "pema/engine.h"
#include "pema/plm/language_model.h"
#include "tools/context.h"
#include "tools/speaker.h"

namespace pema::tools {

/// Reads lines until /exit or the end of input; /profile NAME changes who speaks from the next
/// token on without touching the KV cache, /profile alone goes back to the plain model. Ctrl-C ends
/// an answer, at the prompt the conversation. Leases come through `memory` unless it is null, with
/// the index of `indexes`. Returns the exit status. Throws as Speaker::speak, except for an unknown
/// profile, which is reported and changes nothing.
int run_chat(Context& context, plm::LanguageModel& model, Speaker& speaker,
             const SpeakOptions& options, const std::string& system,
             const std::shared_ptr<MemoryManager>& memory, const IndexChoice& indexes);

}  // namespace pema::tools
