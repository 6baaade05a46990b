#include "tools/commands/memory_add.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pema/memory.h"
#include "pema/plm/feature_cache.h"
#include "tools/command_line.h"
#include "tools/commands/prompt_source.h"
#include "tools/context.h"
#include "tools/key_choice.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"
#include "tools/text_documents.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kTextLimit = std::int64_t{1} << 30;
constexpr std::int64_t kDocumentsPerRequest = 8;

constexpr const char* kFooter =
    R"(Features are computed once per text and model and kept in the cache; after an interrupt the same
command goes on where it was. With --name the segment is shared text, else it is one person's own.

Examples:
  pema memory add handbook.txt style-guide.txt --name handbook
  cat letters/*.txt | pema memory add --json
  pema memory add diary.txt --keys pq:common
  pema profile set alice --read handbook --lambda-shared 0.3)";

struct AddOptions {
  std::vector<std::string> files;
  std::string name;
  std::string site = "post_norm";
  std::string context = "teacher_forced";
  std::string keys = "f32";
  std::string cache;
  std::int64_t document_tokens = 512;
};

std::vector<plm::FeatureRequest> make_requests(const plm::LanguageModel& model,
                                               const AddOptions& options) {
  std::vector<plm::FeatureRequest> requests;
  for (const std::string& file : options.files) {
    const std::string name = file == "-" ? "standard input" : file;
    const std::string text = read_text(file, kTextLimit);
    require_utf8(text, name);
    auto documents = split_documents(model.tokenise(text), options.document_tokens);
    PEMA_CHECK(!documents.empty(), kInvalidArgument, name,
               " has fewer than two tokens, and a segment needs a token that came next");
    for (plm::FeatureRequest& request :
         group_documents(std::move(documents), name, kDocumentsPerRequest)) {
      requests.push_back(std::move(request));
    }
  }
  return requests;
}

std::shared_ptr<const Segment> make_segment(const plm::LanguageModel& model,
                                            const std::vector<SampleSet>& sets, FeatureSite site,
                                            const KeyChoice& choice) {
  std::vector<const SampleSet*> parts;
  parts.reserve(sets.size());
  for (const SampleSet& set : sets) parts.push_back(&set);
  const SampleSet all = SampleSet::concatenate(parts);
  const Samples samples = all.view();
  Matrix<float> keys(samples.features.rows, samples.features.cols);
  make_recall_keys(samples.features, site, model.head().norm_weight, keys.view());
  SegmentInfo info;
  info.model = model.info().fingerprint;
  info.site = site;
  info.hidden = model.info().hidden;
  info.vocab = model.info().vocab;
  return tools::make_segment(info, keys.view(), samples.targets, choice);
}

int run_add(Context& context, AddOptions options) {
  if (options.files.empty()) options.files.emplace_back("-");
  options.cache = Context::feature_folder(options.cache);
  plm::FeatureOptions features;
  features.site = parse_feature_site(options.site);
  features.context = plm::parse_feature_context(options.context);
  features.progress = &context.progress();
  // No store or codebook, no minutes of decoding.
  const KeyChoice keys = choose_keys(context.store(), options.keys);
  plm::LanguageModel& model = context.model({.conversations = 1});
  const std::vector<plm::FeatureRequest> requests = make_requests(model, options);
  plm::FeatureCache cache(options.cache);
  plm::FeatureCache::Counts counts;
  const std::vector<SampleSet> sets = cache.get(model, requests, features, &counts);
  context.end_progress();
  const std::shared_ptr<const Segment> segment = make_segment(model, sets, features.site, keys);
  (void)context.register_model();
  const SegmentRecord record = context.store().put_segment(
      *segment, options.name.empty() ? SegmentKind::kOwn : SegmentKind::kShared, options.name);
  const double rate =
      counts.seconds > 0 ? static_cast<double>(counts.computed_tokens) / counts.seconds : 0;
  if (context.options.json) {
    Json document = segment_json(record);
    document["computed_tokens"] = counts.computed_tokens;
    document["cached_rows"] = counts.cached_rows;
    document["seconds"] = counts.seconds;
    document["tokens_per_second"] = rate;
    print_json(document);
    return 0;
  }
  print(message("segment ", options.name.empty() ? "of one person" : printable(options.name), ", ",
                record.info.entries, " entries, ", format_bytes(record.bytes), ", digest ",
                record.digest.short_hex(), "\n", counts.computed_tokens, " tokens computed in ",
                format_duration(counts.seconds), " (", format_rate(rate), " tokens/s), ",
                counts.cached_rows, " entries from the cache\n"));
  return 0;
}

}  // namespace

void add_memory_add(Command group, Context& context) {
  auto options = std::make_shared<AddOptions>();
  const Command command = group.add("add", "Make a segment from texts");
  command.option("FILES", options->files, "UTF-8 texts; - or none: standard input");
  command.option("--name", options->name, "Name of a shared segment");
  command.option("--keys", options->keys, kKeysText).shows_default();
  command.option("--site", options->site, "Feature site: post_norm or pre_norm").shows_default();
  command
      .option("--context", options->context, "What the features see: teacher_forced or own_greedy")
      .shows_default();
  command
      .option("--document-tokens", options->document_tokens,
              "Long texts are split into documents of so many tokens")
      .shows_default()
      .within(2, 2048);
  command.option("--cache", options->cache, "Folder of the feature cache").called("DIR");
  command.footer(kFooter);
  command.runs(context, [&context, options] { return run_add(context, *options); });
}

}  // namespace pema::tools
