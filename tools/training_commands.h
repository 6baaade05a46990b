/// Commands that need LibTorch. They live in `pema-train`, so that `pema` never loads it.
#pragma once

#include <string>

namespace pema::tools {

class Command;
class Context;

/// What `--help` says of them; both programs use these texts.
inline constexpr const char* kPoolTrainText = "Train a pool of adapters on many people's texts";
inline constexpr const char* kProfileEnrolText = "Learn one person's profile from their texts";
inline constexpr const char* kEvalText = "Measure methods on people's newest texts";
inline constexpr const char* kDemoText =
    "The whole walk on this machine's own texts, with a report";

/// Adds the training commands to `app` (which has the groups `pool` and `profile`) as names that
/// hand the whole command line to `pema-train`.
void add_training_forwarders(Command app, Context& context);

/// Path of `pema-train` beside this program or in ../libexec/pema; empty when it is not there.
[[nodiscard]] std::string find_train_program();

}  // namespace pema::tools
