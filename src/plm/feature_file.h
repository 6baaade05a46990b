/// One cached sample set as an object file (docs/formats/features.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "pema/digest.h"
#include "pema/plm/language_model.h"

namespace pema::plm {

/// What a cache file must be for.
struct FeatureKey {
  Digest model;
  FeatureSite site = FeatureSite::kPostNorm;
  FeatureContext context = FeatureContext::kTeacherForced;
  std::int64_t hidden = 0;
  Digest digest;  ///< over all of the above but `hidden`, and the token ids
};

/// The key of `documents`.
[[nodiscard]] FeatureKey feature_key(const ModelInfo& model, const FeatureOptions& options,
                                     std::span<const Document> documents);

/// What computing a set took.
struct FeatureCost {
  std::int64_t tokens = 0;  ///< decoded, prompts included
  double seconds = 0;
};

/// A set and what it took.
struct CachedFeatures {
  SampleSet samples;
  FeatureCost cost;
};

/// File bytes of `samples` under `key`.
[[nodiscard]] std::vector<std::byte> encode_features(const FeatureKey& key, const Samples& samples,
                                                     const FeatureCost& cost);

/// Reads what encode_features wrote. `name` is used in messages. Throws kCorrupt when anything is
/// damaged or the file is for another key, kUnsupported for a newer version.
[[nodiscard]] CachedFeatures decode_features(std::span<const std::byte> bytes,
                                             const FeatureKey& key, const std::string& name);

/// The set in the file `path`; nothing when it is absent, damaged or unknown to this version, so
/// that it is computed again. Throws kIo.
[[nodiscard]] std::optional<CachedFeatures> load_features(const std::string& path,
                                                          const FeatureKey& key);

}  // namespace pema::plm
