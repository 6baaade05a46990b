#include <algorithm>
#include <vector>

#include "pema/error.h"
#include "src/plm/model_impl.h"

namespace pema::plm {
namespace {

constexpr char kStage[] = "features";

/// The state of one call of run().
class Run {
 public:
  Run(std::span<const Document* const> documents, const FeatureOptions& options, bool with_logits,
      Decoder& decoder, const llama_vocab* vocab, RowSink& sink)
      : documents_(documents),
        options_(options),
        with_logits_(with_logits),
        decoder_(decoder),
        vocab_(vocab),
        sink_(sink) {
    for (const auto* document : documents) total_ += tokens_to_decode(*document);
  }

  void start() { checkpoint(options_.progress, kStage, 0, total_, "tokens"); }

  [[nodiscard]] std::int64_t decoded() const { return decoded_; }

  void teacher_forced(std::int64_t first, std::int64_t last) {
    decoder_.clear();
    asked_.clear();
    for (std::int64_t d = first; d < last; ++d) {
      const Document& document = *documents_[d];
      const std::int64_t prompt = std::ssize(document.prompt);
      const std::int64_t count = tokens_to_decode(document);
      for (std::int64_t t = 0; t < count; ++t) {
        const auto token = t < prompt ? document.prompt[t] : document.target[t - prompt];
        if (decoder_.full()) flush_forced();
        const bool output = t >= prompt - 1;
        if (output) asked_.push_back({d, t - prompt + 1});
        decoder_.add(token, t, d - first, output);
      }
    }
    if (decoder_.pending() > 0) flush_forced();
  }

  void own_greedy(std::int64_t first, std::int64_t last) {
    decoder_.clear();
    asked_.clear();
    std::vector<Place> active;
    for (std::int64_t d = first; d < last; ++d) {
      const Document& document = *documents_[d];
      if (document.target.empty()) continue;
      const std::int64_t prompt = std::ssize(document.prompt);
      for (std::int64_t t = 0; t < prompt; ++t) {
        if (decoder_.full()) flush_greedy(active);
        if (t == prompt - 1) asked_.push_back({d, 0});
        decoder_.add(document.prompt[t], t, d - first, t == prompt - 1);
      }
    }
    flush_greedy(active);
    while (!active.empty()) {
      std::vector<Place> next;
      for (const Place& place : active) {
        if (decoder_.full()) flush_greedy(next);
        const std::int64_t position =
            std::ssize(documents_[place.document]->prompt) + place.row - 1;
        asked_.push_back({place.document, place.row});
        decoder_.add(place.token, position, place.document - first, true);
      }
      flush_greedy(next);
      active = std::move(next);
    }
  }

 private:
  /// A row that a token asks for; `token` is what the model itself put before it.
  struct Place {
    std::int64_t document = 0;
    std::int64_t row = 0;
    std::int32_t token = 0;
  };

  void decode(bool need_logits) {
    const std::int64_t fed = decoder_.pending();
    const bool pre = options_.site == FeatureSite::kPreNorm;
    decoder_.decode(need_logits ? Depth::kLogits : pre ? Depth::kPreNorm : Depth::kPostNorm);
    done_ += fed;
    decoded_ += fed;
    for (std::int64_t i = 0; i < decoder_.outputs(); ++i) {
      sink_.row(asked_[i].document, asked_[i].row, pre ? decoder_.pre(i) : decoder_.post(i),
                with_logits_ ? decoder_.logits(i) : std::span<const float>());
    }
  }

  void report() { checkpoint(options_.progress, kStage, done_, total_, "tokens"); }

  void flush_forced() {
    decode(with_logits_);
    asked_.clear();
    report();
  }

  /// Decodes and appends to `next` the documents that go on.
  void flush_greedy(std::vector<Place>& next) {
    if (decoder_.pending() == 0) return;
    decode(true);
    for (std::int64_t i = 0; i < decoder_.outputs(); ++i) {
      const Place& place = asked_[i];
      const auto logits = decoder_.logits(i);
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      const auto token = static_cast<std::int32_t>(best);
      const std::int64_t rows = std::ssize(documents_[place.document]->target);
      if (place.row + 1 == rows) continue;
      if (llama_vocab_is_eog(vocab_, token)) {
        done_ += rows - 1 - place.row;  // tokens that will not be decoded after all
        continue;
      }
      next.push_back({place.document, place.row + 1, token});
    }
    asked_.clear();
    report();
  }

  std::span<const Document* const> documents_;
  const FeatureOptions& options_;
  bool with_logits_;
  Decoder& decoder_;
  const llama_vocab* vocab_;
  RowSink& sink_;
  std::vector<Place> asked_;
  std::int64_t total_ = 0;
  std::int64_t done_ = 0;     ///< of total_, for progress
  std::int64_t decoded_ = 0;  ///< truly fed to the model
};

}  // namespace

std::int64_t tokens_to_decode(const Document& document) {
  if (document.target.empty()) return 0;
  return std::ssize(document.prompt) + std::ssize(document.target) - 1;
}

void LanguageModel::Impl::check(std::span<const Document* const> documents) const {
  for (std::int64_t d = 0; d < std::ssize(documents); ++d) {
    const Document& document = *documents[d];
    PEMA_CHECK(!document.prompt.empty(), kInvalidArgument, "document ", d,
               " has no prompt; give it at least one token");
    PEMA_CHECK(tokens_to_decode(document) <= options.context, kInvalidArgument, "document ", d,
               " needs ", tokens_to_decode(document), " tokens of context, the model has ",
               options.context, "; shorten it or open the model with a longer context");
    for (const auto* part : {&document.prompt, &document.target}) {
      for (const std::int32_t token : *part) {
        PEMA_CHECK(token >= 0 && token < gguf.info.vocab, kInvalidArgument, "document ", d,
                   " holds the token ", token, ", outside the vocabulary [0, ", gguf.info.vocab,
                   "); tokenise it with this model");
      }
    }
  }
}

std::int64_t LanguageModel::Impl::run(std::span<const Document* const> documents,
                                      const FeatureOptions& feature_options, bool with_logits,
                                      RowSink& sink) {
  check(documents);
  Run run(documents, feature_options, with_logits, document_decoder(), vocab, sink);
  run.start();
  const std::int64_t count = std::ssize(documents);
  for (std::int64_t first = 0; first < count;) {
    std::int64_t last = first;
    std::int64_t tokens = 0;
    while (last < count && last - first < options.batch_documents) {
      const std::int64_t more = tokens_to_decode(*documents[last]);
      if (last > first && tokens + more > options.batch_tokens) break;
      tokens += more;
      ++last;
    }
    if (feature_options.context == FeatureContext::kOwnGreedy) {
      run.own_greedy(first, last);
    } else {
      run.teacher_forced(first, last);
    }
    sink.finished(last);
    first = last;
  }
  return run.decoded();
}

}  // namespace pema::plm
