#include "tools/commands/chat.h"

#include <memory>
#include <string_view>
#include <vector>

#include "tools/commands/prompt_source.h"
#include "tools/index_option.h"
#include "tools/terminal/output.h"
#include "tools/terminal/signals.h"
#include "tools/text_stream.h"

namespace pema::tools {
namespace {

constexpr const char* kHelp =
    "/profile NAME  another person speaks from here on\n"
    "/profile       the plain model speaks from here on\n"
    "/exit          end\n";

/// The text of a conversation so far, as the model's template writes it.
class Transcript {
 public:
  Transcript(const plm::LanguageModel& model, const std::string& system) : model_(model) {
    if (!system.empty()) messages_.push_back({"system", system});
  }

  /// Tokens that the user's message adds to what the model has seen.
  [[nodiscard]] std::vector<std::int32_t> ask(const std::string& text) {
    messages_.push_back({"user", text});
    const std::string whole = model_.apply_chat_template(messages_);
    // What the model saw ends with its own answer; the template adds the end of that turn.
    std::string_view added = whole;
    if (whole.starts_with(seen_)) {
      added.remove_prefix(seen_.size());
    } else if (whole.starts_with(turns_)) {
      added.remove_prefix(turns_.size());
    }
    seen_ = whole;
    return model_.tokenise(added, true);
  }

  void answer(const std::string& text) {
    messages_.push_back({"assistant", text});
    seen_ += text;
    turns_ = model_.apply_chat_template(messages_, false);
  }

 private:
  const plm::LanguageModel& model_;
  std::vector<plm::ChatMessage> messages_;
  std::string seen_;
  std::string turns_;
};

void change_profile(Context& context, const plm::LanguageModel& model, Speaker& speaker,
                    const std::string& name, const std::shared_ptr<MemoryManager>& memory,
                    const IndexChoice& indexes) {
  if (name.empty()) {
    speaker.use(nullptr);
    context.note("the plain model speaks");
    return;
  }
  try {
    speaker.use(acquire_lease(context, model.info(), name, indexes, memory));
    context.note(message(name, " speaks, generation ", speaker.lease()->generation));
  } catch (const Error& error) {
    print_error(std::string("pema: ") + error.what() + "\n");
  }
}

}  // namespace

int run_chat(Context& context, plm::LanguageModel& model, Speaker& speaker,
             const SpeakOptions& options, const std::string& system,
             const std::shared_ptr<MemoryManager>& memory, const IndexChoice& indexes) {
  Transcript transcript(model, system);
  context.note("/help says what can be done here");
  std::string line;
  for (;;) {
    print((speaker.lease() ? speaker.lease()->name : std::string()) + "> ");
    if (!read_line(line)) {
      print("\n");
      return interrupted() ? exit_code(ErrorCode::kInterrupted) : 0;
    }
    if (line.empty()) continue;
    if (line == "/exit" || line == "/quit") return 0;
    if (line == "/help") {
      print(kHelp);
    } else if (line == "/profile" || line.starts_with("/profile ")) {
      change_profile(context, model, speaker, line.size() > 9 ? line.substr(9) : std::string(),
                     memory, indexes);
    } else if (replace_invalid_utf8(line) != line) {
      print_error("pema: the line is not UTF-8; nothing was sent\n");
    } else if (line.starts_with('/')) {
      print_error("pema: no command " + line + "; /help lists them\n");
    } else {
      const Reply reply = speaker.speak(transcript.ask(line), options);
      transcript.answer(reply.text);
      print("\n");
      if (reply.reason == StopReason::kInterrupted) clear_interrupt();
      if (reply.reason == StopReason::kContext) {
        context.note("the context is full; start again with a larger --context");
        return 0;
      }
    }
  }
}

}  // namespace pema::tools
