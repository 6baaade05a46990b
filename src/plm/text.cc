#include <limits>
#include <vector>

#include "pema/error.h"
#include "pema/plm/language_model.h"
#include "src/core/utf8.h"
#include "src/plm/llama_log.h"
#include "src/plm/model_impl.h"

namespace pema::plm {
namespace {

constexpr std::int64_t kMaxText = std::numeric_limits<std::int32_t>::max() / 4;

void check_text(std::string_view text, const char* what) {
  const std::int64_t bad = core::first_invalid_utf8(text);
  PEMA_CHECK(bad < 0, kInvalidArgument, what, " is not UTF-8 at byte ", bad,
             "; convert it to UTF-8 first");
  PEMA_CHECK(std::ssize(text) <= kMaxText, kInvalidArgument, what, " has ", text.size(),
             " bytes; at most ", kMaxText, " can be tokenised at once");
}

}  // namespace

std::vector<std::int32_t> LanguageModel::tokenise(std::string_view text, bool parse_special) const {
  check_text(text, "the text");
  const auto* vocab = impl_->vocab;
  // Asked for without llama.cpp's additions, because they come with an end token as well; the
  // first place is kept for the beginning.
  std::vector<std::int32_t> tokens(text.size() + 2);
  const auto tokenise_into = [&] {
    return llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()),
                          tokens.data() + 1, static_cast<std::int32_t>(tokens.size() - 1), false,
                          parse_special);
  };
  std::int32_t count = tokenise_into();
  if (count < 0) {
    tokens.resize(static_cast<std::size_t>(1 - std::int64_t{count}));
    count = tokenise_into();
  }
  PEMA_ASSERT(count >= 0);
  tokens.resize(static_cast<std::size_t>(count) + 1);
  tokens[0] = llama_vocab_bos(vocab);
  const bool wants_begin = llama_vocab_get_add_bos(vocab) && tokens[0] >= 0;
  if (!wants_begin || (count > 0 && tokens[1] == tokens[0])) tokens.erase(tokens.begin());
  return tokens;
}

std::string LanguageModel::piece(std::int32_t token) const {
  PEMA_CHECK(token >= 0 && token < impl_->gguf.info.vocab, kInvalidArgument, "the token ", token,
             " is outside the vocabulary [0, ", impl_->gguf.info.vocab, ")");
  std::string out(32, '\0');
  auto bytes = llama_token_to_piece(impl_->vocab, token, out.data(),
                                    static_cast<std::int32_t>(out.size()), 0, false);
  if (bytes < 0) {
    out.resize(static_cast<std::size_t>(-std::int64_t{bytes}));
    bytes = llama_token_to_piece(impl_->vocab, token, out.data(),
                                 static_cast<std::int32_t>(out.size()), 0, false);
  }
  PEMA_ASSERT(bytes >= 0);
  out.resize(bytes);
  return out;
}

std::int32_t LanguageModel::end_of_text() const noexcept { return llama_vocab_eos(impl_->vocab); }

bool LanguageModel::ends_generation(std::int32_t token) const {
  PEMA_CHECK(token >= 0 && token < impl_->gguf.info.vocab, kInvalidArgument, "the token ", token,
             " is outside the vocabulary [0, ", impl_->gguf.info.vocab, ")");
  return llama_vocab_is_eog(impl_->vocab, token);
}

std::string LanguageModel::apply_chat_template(std::span<const ChatMessage> messages,
                                               bool add_assistant_turn) const {
  const char* form = llama_model_chat_template(impl_->model.get(), nullptr);
  PEMA_CHECK(form != nullptr, kUnsupported, impl_->path,
             ": no chat template in it; use an instruction-tuned model or plain prompts");
  std::vector<llama_chat_message> chat;
  std::size_t room = 256;
  for (const ChatMessage& message : messages) {
    check_text(message.content, "a chat message");
    chat.push_back({message.role.c_str(), message.content.c_str()});
    room += message.role.size() + 2 * message.content.size() + 64;
  }
  const LogScope log;
  for (;;) {
    std::string out(room, '\0');
    const std::int32_t bytes =
        llama_chat_apply_template(form, chat.data(), chat.size(), add_assistant_turn, out.data(),
                                  static_cast<std::int32_t>(out.size()));
    PEMA_CHECK(bytes >= 0, kUnsupported, impl_->path,
               ": llama.cpp does not know its chat template; write the prompt yourself",
               log.quote());
    if (static_cast<std::size_t>(bytes) <= room) {
      out.resize(bytes);
      return out;
    }
    room = static_cast<std::size_t>(bytes);
  }
}

}  // namespace pema::plm
