/// From people's texts to features: tokens, one run of the base model (cached), and the time split.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/data/dataset.h"
#include "pema/plm/feature_cache.h"
#include "pema/samples.h"

namespace pema::tools {

/// One person's rows, one row per target token.
struct PersonMaterial {
  std::string key;
  SampleSet train;
  SampleSet dev;
  SampleSet test;
};

struct MaterialOptions {
  std::int64_t max_target_tokens =
      40;  ///< longer targets are cut; shorter ones end with end-of-text
  plm::FeatureOptions features;
};

/// Token ids of one example. Throws kInvalidArgument (naming the example) on invalid UTF-8 or a
/// prompt without tokens.
[[nodiscard]] plm::Document to_document(const plm::LanguageModel& model,
                                        const data::Example& example,
                                        std::int64_t max_target_tokens);

/// Everybody's rows, in the order of `people`; one cache entry per person. Throws as
/// FeatureCache::get and to_document.
[[nodiscard]] std::vector<PersonMaterial> make_material(
    plm::LanguageModel& model, const std::vector<data::Person>& people, plm::FeatureCache& cache,
    const MaterialOptions& options, plm::FeatureCache::Counts* counts = nullptr);

/// The same people as pointers, for functions that take a selection.
[[nodiscard]] std::vector<const PersonMaterial*> pointers(
    const std::vector<PersonMaterial>& people);

}  // namespace pema::tools
