/// What a LanguageModel holds.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "llama.h"
#include "pema/plm/language_model.h"
#include "src/plm/decoder.h"

namespace pema::plm {

/// Receives the rows of a run over documents.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// feature [d] at the asked site; logits [V], empty unless the run asked for them.
  virtual void row(std::int64_t document, std::int64_t row, std::span<const float> feature,
                   std::span<const float> logits) = 0;
  /// Every row of documents [0, documents) has been handed out.
  virtual void finished(std::int64_t documents) = 0;
};

/// Tokens that a run over `document` decodes at most: its prompt and all but the last target token.
/// 0 without a target.
[[nodiscard]] std::int64_t tokens_to_decode(const Document& document);

struct LanguageModel::Impl {
  struct FreeModel {
    void operator()(llama_model* loaded) const noexcept { llama_model_free(loaded); }
  };

  std::string path;
  ModelOptions options;  ///< threads and context are filled in
  GgufModel gguf;
  std::unique_ptr<llama_model, FreeModel> model;
  const llama_vocab* vocab = nullptr;
  std::unique_ptr<Decoder> batch;     ///< documents; made at first use
  std::unique_ptr<Decoder> dialogue;  ///< conversations; made at first use
  std::vector<bool> taken;            ///< per conversation slot

  [[nodiscard]] Decoder& document_decoder();
  [[nodiscard]] Decoder& dialogue_decoder();

  /// Throws kInvalidArgument for the first document that features() refuses, naming it by number.
  void check(std::span<const Document* const> documents) const;

  /// Runs all documents, group after group, reporting progress in tokens. With kOwnGreedy the rows
  /// of a group's documents alternate; rows of one document always rise. Returns the number of
  /// tokens decoded.
  std::int64_t run(std::span<const Document* const> documents, const FeatureOptions& options,
                   bool with_logits, RowSink& sink);
};

}  // namespace pema::plm
