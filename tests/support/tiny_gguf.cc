#include "tests/support/tiny_gguf.h"

#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>

#include "gguf.h"

namespace pema::test {
namespace {

constexpr std::int64_t kLayers = 2;
constexpr std::int64_t kFeedForward = 64;
constexpr char kTemplate[] =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\\n' }}{% endif %}";

std::string utf8(int code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

/// GPT-2's printable character for each byte.
std::vector<std::string> byte_characters() {
  std::vector<std::string> out;
  int next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    out.push_back(utf8(printable ? b : next++));
  }
  return out;
}

struct Free {
  void operator()(ggml_context* context) const { ggml_free(context); }
  void operator()(gguf_context* context) const { gguf_free(context); }
};

class Writer {
 public:
  explicit Writer(std::uint32_t seed)
      : random_(seed),
        file_(gguf_init_empty()),
        arena_(ggml_init({std::size_t{16} << 20, nullptr, false})) {}

  [[nodiscard]] gguf_context* file() const { return file_.get(); }

  std::vector<float> noise(std::int64_t count, float mean, float spread) {
    std::normal_distribution<float> normal(mean, spread);
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& value : out) value = normal(random_);
    return out;
  }

  void add(const std::string& name, std::vector<std::int64_t> shape, ggml_type type,
           const std::vector<float>& values) {
    ggml_tensor* tensor =
        ggml_new_tensor(arena_.get(), type, static_cast<int>(shape.size()), shape.data());
    ggml_set_name(tensor, name.c_str());
    const auto* traits = ggml_get_type_traits(type);
    if (type == GGML_TYPE_F32) {
      std::memcpy(tensor->data, values.data(), values.size() * sizeof(float));
    } else if (traits->from_float_ref != nullptr) {
      traits->from_float_ref(values.data(), tensor->data, static_cast<std::int64_t>(values.size()));
    } else {
      std::memset(tensor->data, 0, ggml_nbytes(tensor));
    }
    gguf_add_tensor(file_.get(), tensor);
  }

 private:
  std::mt19937 random_;
  std::unique_ptr<gguf_context, Free> file_;
  std::unique_ptr<ggml_context, Free> arena_;
};

void write_sizes(gguf_context* file, const TinyGguf& options) {
  gguf_set_val_str(file, "general.architecture", "llama");
  gguf_set_val_str(file, "general.name", options.name.c_str());
  const auto size = [&](const char* key, std::int64_t value) {
    gguf_set_val_u32(file, key, static_cast<std::uint32_t>(value));
  };
  size("llama.block_count", kLayers);
  size("llama.context_length", options.context);
  size("llama.embedding_length", options.hidden);
  size("llama.feed_forward_length", kFeedForward);
  size("llama.attention.head_count", options.heads);
  size("llama.attention.head_count_kv", options.heads);
  size("llama.rope.dimension_count", options.hidden / options.heads);
  gguf_set_val_f32(file, "llama.attention.layer_norm_rms_epsilon", 1e-5F);
}

std::int64_t write_tokeniser(gguf_context* file, const TinyGguf& options) {
  std::vector<std::string> tokens = byte_characters();
  for (const char* more : {"he", "<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    tokens.emplace_back(more);
  }
  std::vector<const char*> texts;
  std::vector<std::int32_t> types(tokens.size(), 1);
  for (const auto& token : tokens) texts.push_back(token.c_str());
  for (std::size_t i = kTinyEnd; i < types.size(); ++i) types[i] = 3;  // control
  const char* merge = "h e";
  gguf_set_val_str(file, "tokenizer.ggml.model", "gpt2");
  gguf_set_val_str(file, "tokenizer.ggml.pre", "smollm");
  gguf_set_arr_str(file, "tokenizer.ggml.tokens", texts.data(), texts.size());
  gguf_set_arr_data(file, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
  gguf_set_arr_str(file, "tokenizer.ggml.merges", &merge, 1);
  gguf_set_val_u32(file, "tokenizer.ggml.eos_token_id", kTinyEnd);
  gguf_set_val_u32(file, "tokenizer.ggml.bos_token_id", kTinyEnd);
  gguf_set_val_bool(file, "tokenizer.ggml.add_bos_token", options.add_begin);
  if (options.chat_template) gguf_set_val_str(file, "tokenizer.chat_template", kTemplate);
  return static_cast<std::int64_t>(tokens.size());
}

}  // namespace

TinyWritten write_tiny_gguf(const std::string& path, const TinyGguf& options) {
  Writer writer(options.seed);
  write_sizes(writer.file(), options);
  TinyWritten written;
  written.vocab = write_tokeniser(writer.file(), options);
  const std::int64_t d = options.hidden;
  const auto matrix = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    writer.add(name, {in, out}, GGML_TYPE_F32, writer.noise(in * out, 0, 0.3F));
  };
  written.head = writer.noise(written.vocab * d, 0, 0.3F);
  written.head[kTinyEnd * d] += options.end_bias;
  if (options.tied) {
    writer.add("token_embd.weight", {d, written.vocab}, options.head_type, written.head);
  } else {
    matrix("token_embd.weight", d, written.vocab);
    writer.add("output.weight", {d, written.vocab}, options.head_type, written.head);
  }
  written.norm = writer.noise(d, 1, 0.1F);
  writer.add("output_norm.weight", {d}, GGML_TYPE_F32, written.norm);
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    written.layer_norm = writer.noise(d, 1, 0.1F);
    writer.add(block + "attn_norm.weight", {d}, GGML_TYPE_F32, writer.noise(d, 1, 0.1F));
    writer.add(block + "ffn_norm.weight", {d}, GGML_TYPE_F32, written.layer_norm);
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      matrix(block + name + ".weight", d, d);
    }
    matrix(block + "ffn_gate.weight", d, kFeedForward);
    matrix(block + "ffn_up.weight", d, kFeedForward);
    matrix(block + "ffn_down.weight", kFeedForward, d);
  }
  if (!gguf_write_to_file(writer.file(), path.c_str(), false)) {
    throw std::runtime_error("cannot write " + path);
  }
  return written;
}

}  // namespace pema::test
