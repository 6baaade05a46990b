#include "pema/model.h"

#include "pema/error.h"

namespace pema {

std::string_view to_string(FeatureSite site) noexcept {
  return site == FeatureSite::kPostNorm ? "post_norm" : "pre_norm";
}

FeatureSite parse_feature_site(std::string_view text) {
  if (text == "post_norm") return FeatureSite::kPostNorm;
  if (text == "pre_norm") return FeatureSite::kPreNorm;
  fail(ErrorCode::kInvalidArgument, "'", text, "' is no feature site; use post_norm or pre_norm");
}

std::string_view to_string(HeadNorm norm) noexcept {
  switch (norm) {
    case HeadNorm::kDecoderFinal:
      return "decoder_final";
    case HeadNorm::kLayerFinal:
      return "layer_final";
    case HeadNorm::kNone:
      return "none";
  }
  return "unknown";
}

HeadNorm parse_head_norm(std::string_view text) {
  for (const HeadNorm norm : {HeadNorm::kDecoderFinal, HeadNorm::kLayerFinal, HeadNorm::kNone}) {
    if (text == to_string(norm)) return norm;
  }
  fail(ErrorCode::kInvalidArgument, "'", text,
       "' is no head norm; use decoder_final, layer_final or none");
}

}  // namespace pema
