/// What pema knows of a base model: its identity and the last two things it does (norm and head).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pema/digest.h"
#include "pema/tensor_view.h"

namespace pema {

/// Which vector an adapter reads. Stored: never renumber.
enum class FeatureSite : std::uint8_t {
  kPostNorm = 0,  ///< input of the head: last hidden state after the final norm
  kPreNorm = 1,   ///< output of the last layer, before the final norm (PEMA's code)
};

[[nodiscard]] std::string_view to_string(FeatureSite site) noexcept;
/// "post_norm" or "pre_norm". Throws kInvalidArgument otherwise.
[[nodiscard]] FeatureSite parse_feature_site(std::string_view text);

/// The norm between an adapter's output and the head in the `distribution` form; the same in
/// training and inference, part of a pool's identity (PEMA's paper draws none, its code uses
/// kLayerFinal). Stored: never renumber.
enum class HeadNorm : std::uint8_t {
  kDecoderFinal = 0,  ///< the model's own final norm, with which its head was trained
  kLayerFinal = 1,    ///< the norm before the last layer's feed-forward block
  kNone = 2,
};

[[nodiscard]] std::string_view to_string(HeadNorm norm) noexcept;
/// "decoder_final", "layer_final" or "none". Throws kInvalidArgument otherwise.
[[nodiscard]] HeadNorm parse_head_norm(std::string_view text);

/// Identity of a base model. Two models with equal fingerprints give interchangeable features.
struct ModelInfo {
  Digest fingerprint;        ///< SHA-256 over head, final norm, sizes and tokeniser
                             ///< (docs/formats/fingerprint.md)
  std::string name;          ///< for people
  std::string architecture;  ///< "llama"
  std::int64_t hidden = 0;   ///< d
  std::int64_t vocab = 0;    ///< V
};

/// The head and the final norm, as f32 in host memory. l = W x with x = norm(h).
struct Head {
  Matrix<float> weight;            ///< W [V, d]
  std::vector<float> norm_weight;  ///< [d]; RMSNorm: x = h / sqrt(mean(h^2) + eps) * norm_weight
  float norm_eps = 0;
  std::vector<float>
      layer_norm_weight;  ///< [d], HeadNorm::kLayerFinal; empty when the file has none
};

}  // namespace pema
