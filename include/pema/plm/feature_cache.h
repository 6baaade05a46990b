/// Features on disk, so that a text is run through the base model once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/plm/language_model.h"

namespace pema::plm {

struct FeatureKey;

/// What to compute: documents that belong together (one person's), and a name for messages.
struct FeatureRequest {
  std::string name;
  std::vector<Document> documents;
};

/// A folder of object files, one per request, named by SHA-256 of (model fingerprint, site,
/// context, token ids of all documents). A finished request survives an interrupt; running again
/// goes on behind it. A damaged file is computed again. Thread-safety: one thread at a time per
/// object; several processes may share the folder (files are written atomically).
class FeatureCache {
 public:
  /// Makes the folder when absent. Throws kIo.
  explicit FeatureCache(std::string folder);

  struct Counts {
    std::int64_t computed_tokens = 0;  ///< decoded now, prompts included
    std::int64_t computed_rows = 0;
    double seconds = 0;  ///< spent decoding now
    std::int64_t cached_rows = 0;
    std::int64_t cached_tokens = 0;  ///< decoded when the cached rows were computed
    double cached_seconds = 0;       ///< spent decoding them then
  };

  /// One sample set per request, in order. Reports progress over all missing requests together
  /// (unit: tokens). Throws as LanguageModel::features, kIo, kDiskFull, kInterrupted (finished
  /// requests stay).
  [[nodiscard]] std::vector<SampleSet> get(LanguageModel& model,
                                           const std::vector<FeatureRequest>& requests,
                                           const FeatureOptions& options, Counts* counts = nullptr);
  /// Deletes what is kept of `requests`; the number of files. Throws kIo.
  std::int64_t forget(const ModelInfo& model, const std::vector<FeatureRequest>& requests,
                      const FeatureOptions& options);

 private:
  [[nodiscard]] std::string path_of(const FeatureKey& key) const;

  std::string folder_;
};

}  // namespace pema::plm
