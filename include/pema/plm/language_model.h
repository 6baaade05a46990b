/// The frozen base model, run by llama.cpp: tokens, features and logits in one decode,
/// conversations with their own KV cache.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/model.h"
#include "pema/progress.h"
#include "pema/samples.h"
#include "pema/tensor_view.h"

namespace pema::plm {

/// What pema reads straight from a GGUF file, without llama.cpp's graph: identity, head and norms.
struct GgufModel {
  ModelInfo info;
  Head head;
};
/// Throws kNotFound, kIo, kCorrupt (truncated, sizes that do not fit), kUnsupported (naming the
/// tensor and the type it cannot dequantise, or an architecture whose logits are not one matrix
/// times an RMSNorm).
[[nodiscard]] GgufModel read_gguf(const std::string& path);

struct ModelOptions {
  std::int64_t threads = 0;         ///< 0: all cores that this process may use
  std::int64_t context = 2048;      ///< tokens per conversation or document, prompt included; no
                                    ///< more than the model was trained for
  std::int64_t conversations = 4;   ///< open at once
  std::int64_t batch_tokens = 512;  ///< at most so many tokens in one decode
  /// At most so many documents in one decode. With 1 a document's features are the same bits
  /// whatever else is asked for, and on CPUs no number is faster (docs/decisions/0002).
  std::int64_t batch_documents = 1;
  /// Conversations keep float32 keys and values and do without flash attention, as documents always
  /// do; their features are then those of `features` but for rounding (otherwise to about 1e-3).
  /// Costs 7 % of the speed at 100 tokens, more with longer contexts.
  bool exact_conversations = false;
};

struct ChatMessage {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

/// One text to take features from: token ids. Features are given for each target token: the hidden
/// state just before it.
struct Document {
  std::vector<std::int32_t> prompt;  ///< at least one token
  std::vector<std::int32_t> target;  ///< may be empty: gives no rows
};

/// Which context the features see. Stored in cache keys: never renumber.
enum class FeatureContext : std::uint8_t {
  kTeacherForced = 0,  ///< prompt and gold target so far
  kOwnGreedy = 1,  ///< prompt and the model's own greedy tokens, labels stay gold (PEMA's released
                   ///< code, papers.md 1.1); rows end where the model ends its text
};
[[nodiscard]] std::string_view to_string(FeatureContext context) noexcept;
[[nodiscard]] FeatureContext parse_feature_context(std::string_view text);

struct FeatureOptions {
  FeatureSite site = FeatureSite::kPostNorm;
  FeatureContext context = FeatureContext::kTeacherForced;
  Progress* progress = nullptr;
};

class Conversation;

/// A loaded model. Thread-safety: one thread at a time.
class LanguageModel {
 public:
  /// Throws as read_gguf; llama.cpp's own log is kept and quoted in the error.
  [[nodiscard]] static std::unique_ptr<LanguageModel> open(const std::string& path,
                                                           const ModelOptions& options = {});
  ~LanguageModel();
  LanguageModel(const LanguageModel&) = delete;
  LanguageModel& operator=(const LanguageModel&) = delete;

  [[nodiscard]] const ModelInfo& info() const noexcept;
  [[nodiscard]] const Head& head() const noexcept;

  /// Token ids of UTF-8 text, without a beginning-of-text token unless the model asks for one.
  /// Special tokens in the text are plain text unless `parse_special`. Throws kInvalidArgument on
  /// invalid UTF-8 (byte offset).
  [[nodiscard]] std::vector<std::int32_t> tokenise(std::string_view text,
                                                   bool parse_special = false) const;
  /// Bytes of one token, possibly part of a UTF-8 character; empty for control tokens. Throws
  /// kInvalidArgument outside [0, V).
  [[nodiscard]] std::string piece(std::int32_t token) const;
  [[nodiscard]] std::int32_t end_of_text() const noexcept;
  /// True for every token that ends a turn or a text.
  [[nodiscard]] bool ends_generation(std::int32_t token) const;
  /// The model's own chat template (inside the file) over `messages`. Throws kUnsupported when it
  /// has none that llama.cpp knows.
  [[nodiscard]] std::string apply_chat_template(std::span<const ChatMessage> messages,
                                                bool add_assistant_turn = true) const;

  /// Features and targets of `documents`, many documents per decode. Rows come out in document
  /// order whatever the batching; batching changes them only by rounding (docs/numerics.md). Throws
  /// kInvalidArgument (empty prompt, a document longer than the context, token outside [0, V)),
  /// kInterrupted. Unit of progress: tokens decoded.
  [[nodiscard]] SampleSet features(std::span<const Document> documents,
                                   const FeatureOptions& options = {});

  /// Called once per row: document and row index in it, feature [d] at the asked site, logits [V]
  /// of the same decode.
  using RowVisitor =
      std::function<void(std::int64_t document, std::int64_t row, std::span<const float> feature,
                         std::span<const float> logits)>;
  /// As `features`, handing out each row with the model's own logits instead of keeping it. Rows
  /// come in document order, but with kOwnGreedy the documents of one decode take turns.
  void visit_rows(std::span<const Document> documents, const FeatureOptions& options,
                  const RowVisitor& visit);

  /// A conversation with a KV cache of its own. Throws kUnsupported when
  /// ModelOptions::conversations are open already. The model must outlive it.
  [[nodiscard]] std::unique_ptr<Conversation> start();

 private:
  friend class Conversation;
  friend class FeatureCache;
  struct Impl;
  explicit LanguageModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Tokens fed so far and the state after the last of them. Switching the profile between tokens
/// never touches it. Thread-safety: that of its model.
class Conversation {
 public:
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  /// Evaluates `tokens` after what came before. Throws kInvalidArgument when they do not fit the
  /// context or are outside [0, V). On an exception the conversation is as before.
  void append(std::span<const std::int32_t> tokens);
  /// State after the last token: x [1, d] at the site, l [1, V]; valid until the next append to
  /// this conversation. Throws kInvalidArgument before the first append.
  [[nodiscard]] MatrixView<const float> features(FeatureSite site = FeatureSite::kPostNorm) const;
  [[nodiscard]] MatrixView<const float> logits() const;
  [[nodiscard]] std::int64_t length() const noexcept;

 private:
  friend class LanguageModel;
  struct Impl;
  explicit Conversation(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema::plm
