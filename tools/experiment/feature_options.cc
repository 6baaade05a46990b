#include "tools/experiment/feature_options.h"

#include "tools/command_line.h"
#include "tools/context.h"

namespace pema::tools {

void add_feature_options(Command command, FeatureChoice& choice) {
  command.option("--site", choice.site, "Which vector adapters read: post_norm or pre_norm")
      .one_of({"post_norm", "pre_norm"});
  command
      .option("--context", choice.context,
              "What features see: teacher_forced, or own_greedy (PEMA's released code)")
      .one_of({"teacher_forced", "own_greedy"});
  command.option("--max-target-tokens", choice.max_target_tokens, "Longer targets are cut")
      .within(1, 1'000'000);
  command.option("--cache", choice.cache, "Folder of cached features");
}

std::vector<PersonMaterial> take_features(Context& context, plm::LanguageModel& model,
                                          const data::DataSet& data, const FeatureChoice& choice) {
  plm::FeatureCache cache(Context::feature_folder(choice.cache));
  MaterialOptions options;
  options.max_target_tokens = choice.max_target_tokens;
  options.features.site = choice.site_value();
  options.features.context = plm::parse_feature_context(choice.context);
  options.features.progress = &context.progress();
  return make_material(model, data.people, cache, options);
}

}  // namespace pema::tools
