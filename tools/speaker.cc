#include "tools/speaker.h"

#include <chrono>

#include "tools/text_stream.h"

namespace pema::tools {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

FeatureSite site_of(const Lease* lease) {
  return lease != nullptr && lease->pool != nullptr ? lease->pool->info().site
                                                    : FeatureSite::kPostNorm;
}

/// Adds bytes to the reply's text and to the reader.
void show(Reply& reply, const SpeakOptions& options, const std::string& text) {
  if (text.empty()) return;
  reply.text += text;
  if (options.write) options.write(text);
}

}  // namespace

std::string_view to_string(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::kEnd:
      return "end";
    case StopReason::kTokens:
      return "tokens";
    case StopReason::kStopString:
      return "stop";
    case StopReason::kContext:
      return "context";
    case StopReason::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

Speaker::Speaker(plm::LanguageModel& model, Engine& engine, std::int64_t context)
    : model_(model),
      engine_(engine),
      context_(context),
      conversation_(model.start()),
      scores_(1, model.info().vocab) {}

std::span<const float> Speaker::scores(std::int64_t step, std::int64_t source_length) {
  const Lease* lease = lease_.get();
  Batch batch;
  batch.site = site_of(lease);
  batch.features = conversation_->features(batch.site);
  batch.logits = conversation_->logits();
  batch.leases = {&lease, 1};
  batch.step = {&step, 1};
  batch.source_length = {&source_length, 1};
  engine_.step(batch, scores_.view());
  return scores_.view().row_span(0);
}

void Speaker::feed_prompt(std::span<const std::int32_t> prompt) {
  PEMA_CHECK(!prompt.empty(), kInvalidArgument,
             "the prompt is empty; give some text, or --chat for a conversation");
  pending_.insert(pending_.end(), prompt.begin(), prompt.end());
  const auto fed = static_cast<std::int64_t>(pending_.size());
  PEMA_CHECK(conversation_->length() + fed < context_, kInvalidArgument, "the prompt has ",
             prompt.size(), " tokens, and with the ",
             conversation_->length() + fed - static_cast<std::int64_t>(prompt.size()),
             " before it leaves no room in the context of ", context_,
             "; shorten it or give a larger --context");
  conversation_->append(pending_);
  pending_.clear();
}

Reply Speaker::speak(std::span<const std::int32_t> prompt, const SpeakOptions& options) {
  Sampler sampler(options.sampling);
  TextStream stream(options.stops);
  Reply reply;
  const auto prompt_start = std::chrono::steady_clock::now();
  feed_prompt(prompt);
  reply.prompt_tokens = static_cast<std::int64_t>(prompt.size());
  reply.prompt_seconds = seconds_since(prompt_start);
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t step = 0; step < options.tokens; ++step) {
    if (options.stop_requested && options.stop_requested()) {
      reply.reason = StopReason::kInterrupted;
      break;
    }
    if (!pending_.empty()) {
      if (conversation_->length() >= context_) {
        reply.reason = StopReason::kContext;
        break;
      }
      conversation_->append(pending_);
      pending_.clear();
    }
    const std::span<const float> row = scores(step, reply.prompt_tokens);
    const std::int32_t token = sampler.sample(row);
    if (model_.ends_generation(token)) {
      reply.reason = StopReason::kEnd;
      break;
    }
    reply.tokens.push_back(token);
    reply.log_probabilities.push_back(log_probability(row, token));
    reply.lambda.push_back(lease_ ? lease_->schedule.at(step, reply.prompt_tokens) : 0.0);
    // Evaluated before the next token only: the last one of a reply costs no decode.
    pending_.assign(1, token);
    show(reply, options, stream.push(model_.piece(token)));
    if (stream.stopped()) {
      reply.reason = StopReason::kStopString;
      break;
    }
  }
  show(reply, options, stream.finish());
  reply.seconds = seconds_since(start);
  return reply;
}

}  // namespace pema::tools
