#include "bench/decode/plain_llama.h"

#include <llama.h>

#include <algorithm>

#include "pema/error.h"

namespace pema::bench {

struct PlainLlama::Impl {
  llama_model* model = nullptr;
  llama_context* context = nullptr;
  std::vector<llama_adapter_lora*> adapters;
  std::int64_t vocab = 0;

  void decode(std::span<const std::int32_t> tokens) {
    std::vector<llama_token> copy(tokens.begin(), tokens.end());
    PEMA_CHECK(llama_decode(context, llama_batch_get_one(
                                         copy.data(), static_cast<std::int32_t>(copy.size()))) == 0,
               kInternal, "llama_decode failed");
  }
};

PlainLlama::PlainLlama(const std::string& model, std::int64_t context, std::int64_t threads)
    : impl_(std::make_unique<Impl>()) {
  impl_->model = llama_model_load_from_file(model.c_str(), llama_model_default_params());
  PEMA_CHECK(impl_->model != nullptr, kIo, "llama.cpp cannot load ", model);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(context);
  params.n_batch = static_cast<std::uint32_t>(context);
  params.n_threads = params.n_threads_batch = static_cast<std::int32_t>(threads);
  impl_->context = llama_init_from_model(impl_->model, params);
  PEMA_CHECK(impl_->context != nullptr, kIo, "llama.cpp makes no context for ", model);
  impl_->vocab = llama_vocab_n_tokens(llama_model_get_vocab(impl_->model));
}

PlainLlama::~PlainLlama() {
  llama_free(impl_->context);
  llama_model_free(impl_->model);
}

std::size_t PlainLlama::load_lora(const std::string& path) {
  llama_adapter_lora* adapter = llama_adapter_lora_init(impl_->model, path.c_str());
  PEMA_CHECK(adapter != nullptr, kIo, "llama.cpp cannot load the adapter ", path);
  impl_->adapters.push_back(adapter);
  return impl_->adapters.size() - 1;
}

void PlainLlama::use_lora(std::size_t adapter) {
  float scale = 1;
  PEMA_CHECK(llama_set_adapters_lora(impl_->context, &impl_->adapters[adapter], 1, &scale) == 0,
             kInternal, "llama.cpp does not take the adapter");
}

void PlainLlama::prompt(std::span<const std::int32_t> tokens) {
  llama_memory_clear(llama_get_memory(impl_->context), true);
  impl_->decode(tokens);
}

std::int32_t PlainLlama::likeliest() const {
  const float* logits = llama_get_logits_ith(impl_->context, -1);
  return static_cast<std::int32_t>(std::max_element(logits, logits + impl_->vocab) - logits);
}

void PlainLlama::append(std::int32_t token) { impl_->decode({&token, 1}); }

}  // namespace pema::bench
