/// A language model of 2 layers with seeded random weights, written as GGUF, so that tests of
/// src/plm need no package.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ggml.h"

namespace pema::test {

struct TinyGguf {
  std::uint32_t seed = 1;
  std::int64_t hidden = 32;  ///< d, a multiple of 32
  std::int64_t heads = 2;
  std::int64_t context = 512;
  bool tied = false;                    ///< no output.weight: the head is token_embd.weight
  ggml_type head_type = GGML_TYPE_F32;  ///< a type without floats (GGML_TYPE_I32) gives zeros
  bool chat_template = true;            ///< ChatML
  bool add_begin = false;               ///< tokenizer.ggml.add_bos_token
  float end_bias = 0;                   ///< added to the head's row of the end token, first column
  std::string name = "tiny";            ///< general.name
};

/// What was written: V and the head as f32 before quantisation, [V * d].
struct TinyWritten {
  std::int64_t vocab = 0;
  std::vector<float> head;
  std::vector<float> norm;        ///< [d] output_norm
  std::vector<float> layer_norm;  ///< [d] ffn_norm of the last layer
};

/// Tokens: the 256 bytes (byte b is token b), "he" (256), "<|endoftext|>" (257), "<|im_start|>"
/// (258), "<|im_end|>" (259). Writes the file `path`. Throws std::runtime_error when it cannot.
TinyWritten write_tiny_gguf(const std::string& path, const TinyGguf& options = {});

inline constexpr std::int32_t kTinyEnd = 257;

}  // namespace pema::test
