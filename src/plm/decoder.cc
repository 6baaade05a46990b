#include "src/plm/decoder.h"

#include <algorithm>
#include <cstring>

#include "pema/error.h"
#include "src/plm/llama_log.h"

namespace pema::plm {

Decoder::Decoder(llama_model* model, const DecoderShape& shape, const std::string& name)
    : shape_(shape),
      name_(name),
      last_layer_(message("l_out-", llama_model_n_layer(model) - 1)),
      hidden_(llama_model_n_embd(model)),
      vocab_(llama_vocab_n_tokens(llama_model_get_vocab(model))) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(shape.cells);
  // llama.cpp asserts that a batch can hold one output per sequence.
  params.n_batch = static_cast<std::uint32_t>(std::max(shape.batch, shape.sequences));
  params.n_ubatch = static_cast<std::uint32_t>(shape.micro);
  params.n_seq_max = static_cast<std::uint32_t>(shape.sequences);
  params.n_threads = static_cast<std::int32_t>(shape.threads);
  params.n_threads_batch = static_cast<std::int32_t>(shape.threads);
  params.pooling_type = LLAMA_POOLING_TYPE_NONE;
  if (shape.exact_attention) {
    // llama.cpp's flash attention rounds to f16 and takes another path for more than 64 tokens, so
    // that features would depend on the batch; docs/decisions/0002-batched-features.md has the
    // numbers.
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = GGML_TYPE_F32;
    params.type_v = GGML_TYPE_F32;
  }
  params.embeddings = true;
  params.kv_unified = shape.shared_cells;
  params.cb_eval = on_tensor;
  params.cb_eval_user_data = this;
  params.abort_callback = [](void* self) { return static_cast<Decoder*>(self)->abort.load(); };
  params.abort_callback_data = this;
  const LogScope log;
  context_.reset(llama_init_from_model(model, params));
  PEMA_CHECK(context_ != nullptr, kUnsupported, name_, ": llama.cpp cannot run it with ",
             shape.cells, " tokens of context and ", shape.batch,
             " tokens per decode; ask for fewer", log.quote());
  pre_.resize(static_cast<std::size_t>(shape.batch * hidden_));
}

Decoder::~Decoder() = default;

void Decoder::clear() {
  llama_memory_clear(llama_get_memory(context_.get()), false);
  tokens_.clear();
  positions_.clear();
  sequences_.clear();
  flags_.clear();
  next_output_index_.clear();
}

void Decoder::truncate(std::int64_t sequence, std::int64_t from) {
  const bool done =
      llama_memory_seq_rm(llama_get_memory(context_.get()), static_cast<llama_seq_id>(sequence),
                          from == 0 ? -1 : static_cast<llama_pos>(from), -1);
  PEMA_ASSERT(done);
}

void Decoder::add(std::int32_t token, std::int64_t position, std::int64_t sequence, bool output) {
  PEMA_ASSERT(!full() && sequence < shape_.sequences);
  if (output) next_output_index_.push_back(pending());
  tokens_.push_back(token);
  positions_.push_back(static_cast<llama_pos>(position));
  sequences_.push_back(static_cast<llama_seq_id>(sequence));
  flags_.push_back(output ? 1 : 0);
}

bool Decoder::on_tensor(ggml_tensor* tensor, bool ask, void* self) {
  return static_cast<Decoder*>(self)->see(tensor, ask);
}

// Called by ggml for every tensor: with `ask`, whether it should be handed over; then with its
// values, where false ends the graph, so that a head nobody reads is not computed.
bool Decoder::see(ggml_tensor* tensor, bool ask) {
  const bool is_layer = depth_ != Depth::kPostNorm && last_layer_ == tensor->name;
  const bool is_norm = depth_ == Depth::kPostNorm && std::strcmp(tensor->name, "result_norm") == 0;
  if (ask) return is_layer || is_norm;
  if (is_norm) return false;
  const std::int64_t rows = tensor->ne[1];
  if (tensor->type != GGML_TYPE_F32 || tensor->ne[0] != hidden_) {
    pre_is_float_ = false;
  } else if (pre_rows_ < 0 || pre_rows_ + rows > shape_.batch) {
    pre_rows_ = -1;
  } else if (rows > 0) {
    ggml_backend_tensor_get(tensor, pre_.data() + pre_rows_ * hidden_, 0, ggml_nbytes(tensor));
    pre_rows_ += rows;
  }
  return depth_ != Depth::kPreNorm;
}

void Decoder::decode(Depth depth) {
  depth_ = depth;
  pre_rows_ = 0;
  pre_is_float_ = true;
  output_index_.clear();
  std::vector<std::int32_t> counts(tokens_.size(), 1);
  std::vector<llama_seq_id*> ids(tokens_.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = &sequences_[i];
  llama_batch batch{};
  batch.n_tokens = static_cast<std::int32_t>(tokens_.size());
  batch.token = tokens_.data();
  batch.pos = positions_.data();
  batch.n_seq_id = counts.data();
  batch.seq_id = ids.data();
  batch.logits = flags_.data();

  const LogScope log;
  const std::int32_t status = llama_decode(context_.get(), batch);
  llama_synchronize(context_.get());
  const std::int64_t fed = pending();
  tokens_.clear();
  positions_.clear();
  sequences_.clear();
  flags_.clear();
  output_index_.swap(next_output_index_);
  next_output_index_.clear();
  PEMA_CHECK(status != 2, kInterrupted, name_, ": the decode was stopped");
  PEMA_CHECK(status == 0, kInternal, name_, ": llama.cpp could not decode ", fed,
             " tokens (status ", status, ")", log.quote());
  if (depth != Depth::kPostNorm) {
    PEMA_CHECK(pre_is_float_ && (pre_rows_ == outputs() || pre_rows_ == fed), kUnsupported, name_,
               ": the architecture does not show the output of its last layer (", last_layer_, ", ",
               pre_rows_, " rows for ", fed, " tokens and ", outputs(),
               " outputs); use features after the norm (post_norm)");
    pre_gathered_ = pre_rows_ == outputs();
  }
  read_outputs(depth);
}

void Decoder::read_outputs(Depth depth) {
  post_rows_.clear();
  logit_rows_.clear();
  if (depth == Depth::kPreNorm) return;
  for (const std::int64_t index : output_index_) {
    const auto i = static_cast<std::int32_t>(index);
    post_rows_.push_back(llama_get_embeddings_ith(context_.get(), i));
    PEMA_ASSERT(post_rows_.back() != nullptr);
    if (depth != Depth::kLogits) continue;
    logit_rows_.push_back(llama_get_logits_ith(context_.get(), i));
    PEMA_ASSERT(logit_rows_.back() != nullptr);
  }
}

std::span<const float> Decoder::pre(std::int64_t output) const {
  PEMA_ASSERT(depth_ != Depth::kPostNorm && output < outputs());
  const std::int64_t row = pre_gathered_ ? output : output_index_[output];
  return {pre_.data() + row * hidden_, static_cast<std::size_t>(hidden_)};
}

std::span<const float> Decoder::post(std::int64_t output) const {
  PEMA_ASSERT(output < std::ssize(post_rows_));
  return {post_rows_[output], static_cast<std::size_t>(hidden_)};
}

std::span<const float> Decoder::logits(std::int64_t output) const {
  PEMA_ASSERT(output < std::ssize(logit_rows_));
  return {logit_rows_[output], static_cast<std::size_t>(vocab_)};
}

}  // namespace pema::plm
