#include "bench/decode/generate.h"

#include <chrono>
#include <utility>

#include "pema/error.h"
#include "tools/speaker.h"

namespace pema::bench {

double generate(plm::LanguageModel& model, Engine& engine, std::shared_ptr<const Lease> lease,
                std::span<const std::int32_t> prompt, std::int64_t tokens, std::int64_t context) {
  tools::Speaker speaker(model, engine, context);
  speaker.use(std::move(lease));
  tools::SpeakOptions options;
  options.tokens = tokens;
  const tools::Reply reply = speaker.speak(prompt, options);
  PEMA_CHECK(std::ssize(reply.tokens) * 2 > tokens, kInternal, "the reply ended after ",
             reply.tokens.size(), " tokens");
  return static_cast<double>(reply.tokens.size()) / reply.seconds;
}

double generate(PlainLlama& llama, std::span<const std::int32_t> prompt, std::int64_t tokens) {
  llama.prompt(prompt);
  const auto start = std::chrono::steady_clock::now();
  std::int32_t token = llama.likeliest();
  for (std::int64_t t = 1; t < tokens; ++t) {
    llama.append(token);
    token = llama.likeliest();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(tokens) / seconds.count();
}

}  // namespace pema::bench
