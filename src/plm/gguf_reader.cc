#include <cmath>
#include <filesystem>

#include "pema/error.h"
#include "pema/plm/language_model.h"
#include "src/core/object_file.h"
#include "src/plm/fingerprint.h"
#include "src/plm/gguf_header.h"

namespace pema::plm {
namespace {

/// What the head of a plain "norm, then one matrix" model needs; everything else is refused,
/// because l = W norm(h) would be wrong for it.
void check_head_form(const GgufFile& file, const std::string& architecture,
                     const std::string& path) {
  constexpr char kFix[] = "; use a model whose logits are one matrix times the normed state";
  for (const char* tensor : {"output_norm.bias", "output.bias"}) {
    PEMA_CHECK(file.tensor(tensor) == nullptr, kUnsupported, path, ": the architecture ",
               architecture, " has ", tensor, ", which pema does not apply", kFix);
  }
  for (const char* key : {".final_logit_softcapping", ".logit_scale"}) {
    const double scale = file.real(architecture + key).value_or(0.0);
    PEMA_CHECK(scale == 0.0 || (scale == 1.0 && key == std::string(".logit_scale")), kUnsupported,
               path, ": ", architecture, key, " is ", scale, ", which pema does not apply", kFix);
  }
}

std::vector<float> norm_weight(const GgufFile& file, const std::string& tensor_name,
                               std::int64_t hidden, const std::string& path) {
  const auto* tensor = file.tensor(tensor_name);
  if (tensor == nullptr) return {};
  PEMA_CHECK(tensor->shape.size() == 1 && tensor->shape[0] == hidden, kCorrupt, path, ": tensor ",
             tensor_name, " does not have the ", hidden,
             " elements of the hidden state; copy or download the model file again");
  return dequantise(*tensor, tensor_name, path);
}

Matrix<float> head_weight(const GgufTensor& tensor, const std::string& name,
                          const std::string& path) {
  const std::vector<float> values = dequantise(tensor, name, path);
  Matrix<float> weight(tensor.shape[1], tensor.shape[0]);
  std::copy(values.begin(), values.end(), weight.data());
  return weight;
}

void check_path(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  PEMA_CHECK(std::filesystem::exists(status), kNotFound, path,
             ": no such model file; check the path");
  PEMA_CHECK(std::filesystem::is_regular_file(status), kNotFound, path,
             ": not a regular file; give the path of a .gguf file");
}

}  // namespace

GgufModel read_gguf(const std::string& path) {
  check_path(path);
  const auto mapped = core::MappedFile::open(path);
  const GgufFile file = parse_gguf(mapped->bytes(), path);

  const auto architecture = file.text("general.architecture");
  PEMA_CHECK(architecture.has_value(), kCorrupt, path,
             ": no general.architecture in it; it is not a language model");
  PEMA_CHECK(file.integer("split.count").value_or(0) <= 1, kUnsupported, path,
             ": one part of a split model; join the parts with llama-gguf-split --merge");
  const auto size = [&](const std::string& key) {
    const auto found = file.integer(*architecture + "." + key);
    PEMA_CHECK(found.has_value() && *found > 0, kCorrupt, path, ": ", *architecture, ".", key,
               " is missing or not positive; copy or download the model file again");
    return *found;
  };

  const auto eps = file.real(*architecture + ".attention.layer_norm_rms_epsilon");
  PEMA_CHECK(eps.has_value(), kUnsupported, path, ": the architecture ", *architecture,
             " has no RMSNorm before its head (no layer_norm_rms_epsilon); use a model that has");
  PEMA_CHECK(std::isfinite(*eps) && *eps >= 0, kCorrupt, path, ": the norm's epsilon is ", *eps);
  check_head_form(file, *architecture, path);

  GgufModel model;
  model.info.architecture = *architecture;
  model.info.name = file.text("general.name").value_or(std::filesystem::path(path).stem().string());
  model.info.hidden = size("embedding_length");
  const std::int64_t layers = size("block_count");

  const std::string head =
      file.tensor("output.weight") != nullptr ? "output.weight" : "token_embd.weight";
  const auto* weight = file.tensor(head);
  PEMA_CHECK(weight != nullptr, kCorrupt, path,
             ": neither output.weight nor token_embd.weight in it; it is not a language model");
  PEMA_CHECK(weight->shape.size() == 2 && weight->shape[0] == model.info.hidden, kCorrupt, path,
             ": the head ", head, " does not fit a hidden size of ", model.info.hidden);
  model.info.vocab = weight->shape[1];
  const auto* tokens = file.value("tokenizer.ggml.tokens");
  PEMA_CHECK(tokens != nullptr && tokens->element == GgufType::kString, kCorrupt, path,
             ": no vocabulary (tokenizer.ggml.tokens) in it");
  PEMA_CHECK(tokens->count == model.info.vocab, kCorrupt, path, ": the head has ", model.info.vocab,
             " rows, the vocabulary ", tokens->count, " tokens");

  model.head.norm_eps = static_cast<float>(*eps);
  model.head.norm_weight = norm_weight(file, "output_norm.weight", model.info.hidden, path);
  PEMA_CHECK(!model.head.norm_weight.empty(), kUnsupported, path,
             ": no output_norm.weight; the architecture ", *architecture,
             " has no norm before its head");
  model.head.layer_norm_weight =
      norm_weight(file, message("blk.", layers - 1, ".ffn_norm.weight"), model.info.hidden, path);
  model.head.weight = head_weight(*weight, head, path);
  model.info.fingerprint = fingerprint(file, *architecture, head);
  return model;
}

}  // namespace pema::plm
