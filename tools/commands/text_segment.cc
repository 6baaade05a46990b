#include "tools/commands/text_segment.h"

#include "pema/error.h"
#include "tools/commands/prompt_source.h"
#include "tools/text_documents.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kTextLimit = std::int64_t{1} << 30;
constexpr std::int64_t kDocumentsPerRequest = 8;

std::vector<plm::FeatureRequest> make_requests(const plm::LanguageModel& model,
                                               const TextOptions& options) {
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

}  // namespace

void add_text_options(Command command, TextOptions& options) {
  command
      .option("--context", options.context, "What the features see: teacher_forced or own_greedy")
      .shows_default();
  command
      .option("--document-tokens", options.document_tokens,
              "Long texts are split into documents of so many tokens")
      .shows_default()
      .within(2, 2048);
  command.option("--cache", options.cache, "Folder of the feature cache").called("DIR");
}

TextSegment::TextSegment(Context& context, const TextOptions& options, FeatureSite site)
    : cache_(Context::feature_folder(options.cache)) {
  features_.site = site;
  features_.context = plm::parse_feature_context(options.context);
  features_.progress = &context.progress();
  plm::LanguageModel& model = context.model({.conversations = 1});
  requests_ = make_requests(model, options);
  sets_ = cache_.get(model, requests_, features_, &counts_);
  context.end_progress();
}

std::shared_ptr<const Segment> TextSegment::make(Context& context, const KeyChoice& choice) const {
  std::vector<const SampleSet*> parts;
  parts.reserve(sets_.size());
  for (const SampleSet& set : sets_) parts.push_back(&set);
  const SampleSet all = SampleSet::concatenate(parts);
  const Samples samples = all.view();
  const plm::LanguageModel& model = context.model();
  Matrix<float> keys(samples.features.rows, samples.features.cols);
  make_recall_keys(samples.features, features_.site, model.head().norm_weight, keys.view());
  SegmentInfo info;
  info.model = model.info().fingerprint;
  info.site = features_.site;
  info.hidden = model.info().hidden;
  info.vocab = model.info().vocab;
  return tools::make_segment(info, keys.view(), samples.targets, choice);
}

std::vector<TextPlace> TextSegment::places() const {
  std::vector<TextPlace> places;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    if (i == 0 || requests_[i].name != requests_[i - 1].name) {
      places.push_back({requests_[i].name, first, 0});
    }
    places.back().entries += sets_[i].rows();
    first += sets_[i].rows();
  }
  return places;
}

std::int64_t TextSegment::forget(Context& context) {
  return cache_.forget(context.model().info(), requests_, features_);
}

}  // namespace pema::tools
