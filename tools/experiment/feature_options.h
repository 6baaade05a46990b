/// How commands that train turn texts into features.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/data/dataset.h"
#include "tools/experiment/material.h"

namespace pema::tools {

class Command;
class Context;

struct FeatureChoice {
  std::string site = "post_norm";
  std::string context = "teacher_forced";
  std::int64_t max_target_tokens = 40;
  std::string cache;  ///< empty: the user's cache folder

  [[nodiscard]] FeatureSite site_value() const { return parse_feature_site(site); }
};

/// Adds --site, --context, --max-target-tokens and --cache. `choice` must outlive the parsing.
void add_feature_options(Command command, FeatureChoice& choice);

/// Everybody's rows, cached, with progress. Throws as make_material.
[[nodiscard]] std::vector<PersonMaterial> take_features(Context& context, plm::LanguageModel& model,
                                                        const data::DataSet& data,
                                                        const FeatureChoice& choice);

}  // namespace pema::tools
