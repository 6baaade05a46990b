/// One conversation under a profile that may change between any two tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/engine.h"
#include "pema/plm/language_model.h"
#include "tools/sampler.h"

namespace pema::tools {

/// Why a reply ended.
enum class StopReason : std::uint8_t { kEnd, kTokens, kStopString, kContext, kInterrupted };
[[nodiscard]] std::string_view to_string(StopReason reason) noexcept;

/// How to speak.
struct SpeakOptions {
  std::int64_t tokens = 128;  ///< at most so many
  SamplingOptions sampling;
  std::vector<std::string> stops;
  std::function<bool()> stop_requested;         ///< asked before each token; may be empty
  std::function<void(std::string_view)> write;  ///< receives the text as it comes; may be empty
};

/// What was said.
struct Reply {
  std::string text;
  std::vector<std::int32_t> tokens;
  std::vector<double> log_probabilities;  ///< of the tokens, in nats, before temperature and cuts
  std::vector<double> lambda;             ///< weight of the personal distribution at each step
  StopReason reason = StopReason::kTokens;
  std::int64_t prompt_tokens = 0;
  double prompt_seconds = 0;  ///< evaluating the prompt
  double seconds = 0;         ///< generating
};

/// Feeds a conversation and samples from the engine's output. Thread-safety: that of its model.
class Speaker {
 public:
  /// `model` and `engine` must outlive the speaker; `context` is the model's, in tokens. Throws as
  /// LanguageModel::start.
  Speaker(plm::LanguageModel& model, Engine& engine, std::int64_t context);

  /// Who speaks from the next token on; null: the plain model. The KV cache is not touched.
  void use(std::shared_ptr<const Lease> lease) { lease_ = std::move(lease); }
  [[nodiscard]] const std::shared_ptr<const Lease>& lease() const noexcept { return lease_; }

  /// Evaluates `prompt` after what was said before, then generates. Throws kInvalidArgument (empty
  /// prompt, or one that leaves no room in the context) and as Engine::step.
  Reply speak(std::span<const std::int32_t> prompt, const SpeakOptions& options);

 private:
  [[nodiscard]] std::span<const float> scores(std::int64_t step, std::int64_t source_length);
  void feed_prompt(std::span<const std::int32_t> prompt);

  plm::LanguageModel& model_;
  Engine& engine_;
  std::int64_t context_;
  std::unique_ptr<plm::Conversation> conversation_;
  std::shared_ptr<const Lease> lease_;
  Matrix<float> scores_;               ///< [1, V]
  std::vector<std::int32_t> pending_;  ///< said, but not yet evaluated
};

}  // namespace pema::tools
