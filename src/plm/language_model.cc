#include "pema/plm/language_model.h"

#include <algorithm>
#include <thread>

#include "pema/error.h"
#include "src/plm/llama_log.h"
#include "src/plm/model_impl.h"

namespace pema::plm {
namespace {

/// Tokens that llama.cpp computes at once; measured in docs/decisions/0002-batched-features.md.
constexpr std::int64_t kMicroBatch = 512;

void check_options(const ModelOptions& options) {
  const auto check = [](std::int64_t value, std::int64_t least, std::int64_t most,
                        const char* name) {
    PEMA_CHECK(value >= least && value <= most, kInvalidArgument, "ModelOptions::", name, " is ",
               value, "; it must be in [", least, ", ", most, "]");
  };
  constexpr std::int64_t kMany = std::int64_t{1} << 20;
  const auto sequences = static_cast<std::int64_t>(llama_max_parallel_sequences());
  check(options.threads, 0, 1024, "threads");
  check(options.context, 1, kMany, "context");
  check(options.conversations, 0, sequences, "conversations");
  check(options.batch_tokens, 1, kMany, "batch_tokens");
  check(options.batch_documents, 1, sequences, "batch_documents");
}

llama_model* load(const std::string& path) {
  llama_model_params params = llama_model_default_params();
  const LogScope log;
  llama_model* model = llama_model_load_from_file(path.c_str(), params);
  PEMA_CHECK(model != nullptr, kUnsupported, path, ": llama.cpp cannot load it", log.quote());
  return model;
}

}  // namespace

LanguageModel::LanguageModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

LanguageModel::~LanguageModel() = default;

std::unique_ptr<LanguageModel> LanguageModel::open(const std::string& path,
                                                   const ModelOptions& options) {
  start_llama();
  check_options(options);
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->options = options;
  impl->gguf = read_gguf(path);
  impl->model.reset(load(path));
  impl->vocab = llama_model_get_vocab(impl->model.get());
  const std::int64_t vocab = llama_vocab_n_tokens(impl->vocab);
  PEMA_CHECK(vocab == impl->gguf.info.vocab, kCorrupt, path, ": llama.cpp counts ", vocab,
             " tokens, the head has ", impl->gguf.info.vocab, " rows");
  PEMA_CHECK(!llama_model_has_encoder(impl->model.get()), kUnsupported, path,
             ": an encoder-decoder model; use one that only decodes");
  impl->options.context =
      std::min<std::int64_t>(options.context, llama_model_n_ctx_train(impl->model.get()));
  if (options.threads == 0) {
    impl->options.threads = std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  }
  impl->taken.resize(options.conversations);
  return std::unique_ptr<LanguageModel>(new LanguageModel(std::move(impl)));
}

const ModelInfo& LanguageModel::info() const noexcept { return impl_->gguf.info; }

const Head& LanguageModel::head() const noexcept { return impl_->gguf.head; }

Decoder& LanguageModel::Impl::document_decoder() {
  if (!batch) {
    DecoderShape shape;
    shape.batch = options.batch_tokens;
    shape.cells = std::max(options.batch_tokens, options.context);
    shape.micro = std::min(shape.batch, kMicroBatch);
    shape.sequences = options.batch_documents;
    shape.threads = options.threads;
    batch = std::make_unique<Decoder>(model.get(), shape, path);
  }
  return *batch;
}

Decoder& LanguageModel::Impl::dialogue_decoder() {
  if (!dialogue) {
    DecoderShape shape;
    shape.batch = std::min(options.batch_tokens, options.context);
    shape.cells = options.context * options.conversations;
    shape.micro = std::min(shape.batch, kMicroBatch);
    shape.sequences = options.conversations;
    shape.threads = options.threads;
    shape.exact_attention = options.exact_conversations;
    shape.shared_cells = false;  // attention then looks at one conversation's cells only
    dialogue = std::make_unique<Decoder>(model.get(), shape, path);
  }
  return *dialogue;
}

}  // namespace pema::plm
