/// One llama.cpp context with its batch: tokens go in, rows of features and logits come out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "llama.h"
#include "pema/model.h"
#include "pema/tensor_view.h"

namespace pema::plm {

struct DecoderShape {
  std::int64_t cells = 0;      ///< KV cells of all sequences together
  std::int64_t batch = 0;      ///< tokens per decode at most
  std::int64_t micro = 0;      ///< tokens that llama.cpp computes at once (n_ubatch)
  std::int64_t sequences = 0;  ///< sequence ids [0, sequences)
  std::int64_t threads = 1;
  bool exact_attention = true;  ///< float32 keys and values, no flash attention
  bool shared_cells = true;  ///< all sequences draw from one pool of cells; else cells / sequences
                             ///< each
};

/// What one decode must yield; less is faster (the head alone is a fifth of SmolLM2's work).
enum class Depth : std::uint8_t {
  kPreNorm,   ///< stop before the final norm: pre() only
  kPostNorm,  ///< stop before the head: post() only
  kLogits,    ///< all of pre(), post() and logits()
};

/// Thread-safety: one thread at a time, except that `abort` may be set from any.
class Decoder {
 public:
  /// Throws kUnsupported, quoting llama.cpp, when no context can be made.
  Decoder(llama_model* model, const DecoderShape& shape, const std::string& name);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Forgets every sequence and every token added but not decoded.
  void clear();
  /// Removes positions [from, end) of `sequence`; all of them for from = 0.
  void truncate(std::int64_t sequence, std::int64_t from);

  /// Adds a token to the next decode; `output` asks for its row. Requires !full().
  void add(std::int32_t token, std::int64_t position, std::int64_t sequence, bool output);
  [[nodiscard]] std::int64_t pending() const noexcept { return std::ssize(tokens_); }
  [[nodiscard]] bool full() const noexcept { return pending() == shape_.batch; }

  /// Decodes what was added. On an exception the batch is empty and its tokens may or may not be
  /// in the sequences: truncate them. Throws kInterrupted (`abort`), kUnsupported (the architecture
  /// does not show its last layer), kInternal with llama.cpp's words.
  void decode(Depth depth);

  /// Rows that asked for output in the last decode, in the order they were added. Valid until the
  /// next decode.
  [[nodiscard]] std::int64_t outputs() const noexcept { return std::ssize(output_index_); }
  [[nodiscard]] std::span<const float> pre(std::int64_t output) const;
  [[nodiscard]] std::span<const float> post(std::int64_t output) const;
  [[nodiscard]] std::span<const float> logits(std::int64_t output) const;

  [[nodiscard]] std::int64_t batch() const noexcept { return shape_.batch; }

  /// True makes the running and every later decode fail with kInterrupted.
  std::atomic<bool> abort = false;

 private:
  static bool on_tensor(ggml_tensor* tensor, bool ask, void* self);
  bool see(ggml_tensor* tensor, bool ask);
  void read_outputs(Depth depth);

  struct FreeContext {
    void operator()(llama_context* context) const noexcept { llama_free(context); }
  };

  DecoderShape shape_;
  std::string name_;
  std::string last_layer_;  ///< name of the tensor that holds the last layer's output
  std::int64_t hidden_ = 0;
  std::int64_t vocab_ = 0;
  std::unique_ptr<llama_context, FreeContext> context_;

  std::vector<llama_token> tokens_;
  std::vector<llama_pos> positions_;
  std::vector<llama_seq_id> sequences_;
  std::vector<std::int8_t> flags_;
  std::vector<std::int64_t> next_output_index_;
  std::vector<std::int64_t> output_index_;  ///< batch index of each output of the last decode

  Depth depth_ = Depth::kLogits;
  std::vector<float> pre_;     ///< [pre_rows_, d] as they came from the graph
  std::int64_t pre_rows_ = 0;  ///< -1: more rows than the batch has tokens
  bool pre_gathered_ = true;   ///< pre_ holds output rows only; else one row per token
  bool pre_is_float_ = true;
  std::vector<float*> post_rows_;
  std::vector<float*> logit_rows_;
};

}  // namespace pema::plm
