#include <algorithm>
#include <vector>

#include "pema/error.h"
#include "pema/plm/language_model.h"
#include "src/plm/conversation_append.h"
#include "src/plm/model_impl.h"

namespace pema::plm {

void append_or_roll_back(Decoder& decoder, std::int64_t sequence, std::int64_t length,
                         std::span<const std::int32_t> tokens) {
  const std::int64_t count = std::ssize(tokens);
  try {
    for (std::int64_t i = 0; i < count; ++i) {
      if (decoder.full()) decoder.decode(Depth::kLogits);
      decoder.add(tokens[i], length + i, sequence, i == count - 1);
    }
    decoder.decode(Depth::kLogits);
  } catch (...) {
    decoder.truncate(sequence, length);
    throw;
  }
}

struct Conversation::Impl {
  LanguageModel::Impl* model = nullptr;
  std::int64_t slot = 0;
  std::int64_t length = 0;
  // Copies, so that other conversations' decodes do not overwrite them.
  std::vector<float> pre;
  std::vector<float> post;
  std::vector<float> logits;
};

Conversation::Conversation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Conversation::~Conversation() {
  try {
    impl_->model->dialogue->truncate(impl_->slot, 0);
    impl_->model->taken[impl_->slot] = false;
  } catch (const Error&) {
    // The slot then stays taken: better one conversation fewer than a wrong one.
  }
}

std::unique_ptr<Conversation> LanguageModel::start() {
  PEMA_CHECK(
      !llama_model_is_recurrent(impl_->model.get()) && !llama_model_is_hybrid(impl_->model.get()),
      kUnsupported, impl_->path,
      ": a recurrent model cannot take back a failed step; use an attention-only model");
  const auto free = std::find(impl_->taken.begin(), impl_->taken.end(), false);
  PEMA_CHECK(free != impl_->taken.end(), kUnsupported, impl_->path, ": all ",
             impl_->options.conversations,
             " conversations are open; close one or raise ModelOptions::conversations");
  static_cast<void>(impl_->dialogue_decoder());
  auto impl = std::make_unique<Conversation::Impl>();
  impl->model = impl_.get();
  impl->slot = free - impl_->taken.begin();
  std::unique_ptr<Conversation> conversation(new Conversation(std::move(impl)));
  *free = true;
  return conversation;
}

void Conversation::append(std::span<const std::int32_t> tokens) {
  const std::int64_t count = std::ssize(tokens);
  const LanguageModel::Impl& model = *impl_->model;
  PEMA_CHECK(count <= model.options.context - impl_->length, kInvalidArgument, count,
             " tokens do not fit behind ", impl_->length, " in a context of ",
             model.options.context, "; start a new conversation or open the model with a longer ",
             "context");
  for (const std::int32_t token : tokens) {
    PEMA_CHECK(token >= 0 && token < model.gguf.info.vocab, kInvalidArgument, "the token ", token,
               " is outside the vocabulary [0, ", model.gguf.info.vocab, ")");
  }
  if (count == 0) return;
  Decoder& decoder = *model.dialogue;
  impl_->pre.reserve(model.gguf.info.hidden);  // nothing after the decode may throw
  impl_->post.reserve(model.gguf.info.hidden);
  impl_->logits.reserve(model.gguf.info.vocab);
  append_or_roll_back(decoder, impl_->slot, impl_->length, tokens);
  impl_->length += count;
  const auto keep = [](std::vector<float>& to, std::span<const float> from) {
    to.assign(from.begin(), from.end());
  };
  keep(impl_->pre, decoder.pre(0));
  keep(impl_->post, decoder.post(0));
  keep(impl_->logits, decoder.logits(0));
}

MatrixView<const float> Conversation::features(FeatureSite site) const {
  PEMA_CHECK(impl_->length > 0, kInvalidArgument,
             "the conversation is empty; append tokens before asking for features");
  const auto& row = site == FeatureSite::kPreNorm ? impl_->pre : impl_->post;
  return {row.data(), 1, std::ssize(row)};
}

MatrixView<const float> Conversation::logits() const {
  PEMA_CHECK(impl_->length > 0, kInvalidArgument,
             "the conversation is empty; append tokens before asking for logits");
  return {impl_->logits.data(), 1, std::ssize(impl_->logits)};
}

std::int64_t Conversation::length() const noexcept { return impl_->length; }

}  // namespace pema::plm
