#include "tools/commands/memory_add.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/text_segment.h"
#include "tools/context.h"
#include "tools/key_choice.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(Features are computed once per text and model and kept in the cache; after an interrupt the same
command goes on where it was. With --name the segment is shared text, else it is one person's own.
With --append the texts become a further part of the segment NAME: whoever may read it reads them too, from
the next lease on. Keys and site are then those of the segment; a part that it has already changes nothing.

Examples:
  pema memory add handbook.txt style-guide.txt --name handbook
  pema memory add handbook-2027.txt --name handbook --append
  cat letters/*.txt | pema memory add --json
  pema memory add diary.txt --keys pq:common
  pema profile set alice --read handbook --lambda-shared 0.3)";

struct AddOptions {
  TextOptions texts;
  std::string name;
  bool append = false;
  std::optional<std::string> site;
  std::optional<std::string> keys;
};

/// What is appended to must be there before minutes of decoding.
std::optional<SegmentRecord> find_target(const Store& store, const AddOptions& options) {
  if (!options.append) return std::nullopt;
  return require_segment(store, options.name);
}

SegmentRecord put(Store& store, const AddOptions& options,
                  const std::optional<SegmentRecord>& target, const Segment& segment) {
  if (target) return store.append_segment(target->id, segment);
  return store.put_segment(segment, options.name.empty() ? SegmentKind::kOwn : SegmentKind::kShared,
                           options.name);
}

/// Entries of the list before `digest`.
std::int64_t first_entry(const Store& store, const SegmentRecord& record, const Digest& digest) {
  std::int64_t first = 0;
  for (const SegmentRecord& content : store.segment_list(record.id)) {
    if (content.digest == digest) return first;
    first += content.info.entries;
  }
  return 0;
}

int run_add(Context& context, AddOptions options) {
  if (options.texts.files.empty()) options.texts.files.emplace_back("-");
  // No store or codebook, no minutes of decoding.
  const std::optional<SegmentRecord> target = find_target(context.store(), options);
  const KeyChoice keys = target && !options.keys
                             ? keys_of(context.store(), *target)
                             : choose_keys(context.store(), options.keys.value_or("f32"));
  const FeatureSite site = target && !options.site
                               ? target->info.site
                               : parse_feature_site(options.site.value_or("post_norm"));
  const TextSegment texts(context, options.texts, site);
  const std::shared_ptr<const Segment> segment = texts.make(context, keys);
  (void)context.register_model();
  Store& store = context.store();
  const SegmentRecord record = put(store, options, target, *segment);
  // What was appended is reported, not the list.
  const std::int64_t first = target ? first_entry(store, record, segment->digest()) : 0;
  const plm::FeatureCache::Counts& counts = texts.counts();
  const double rate =
      counts.seconds > 0 ? static_cast<double>(counts.computed_tokens) / counts.seconds : 0;
  if (context.options.json) {
    Json document = segment_json(record);
    document["computed_tokens"] = counts.computed_tokens;
    document["cached_rows"] = counts.cached_rows;
    document["seconds"] = counts.seconds;
    document["tokens_per_second"] = rate;
    document["texts"] = Json::array();
    for (const TextPlace& text : texts.places()) {
      document["texts"].push_back(
          {{"name", text.name}, {"first", first + text.first}, {"entries", text.entries}});
    }
    print_json(document);
    return 0;
  }
  const std::string name = record.name.empty() ? "of one person" : printable(record.name);
  print(message(
      target ? "appended to segment " : "segment ", name, ", ", segment->info().entries,
      " entries, ", format_bytes(std::ssize(segment->bytes())), ", digest ",
      segment->digest().short_hex(),
      target ? message("; it has ", record.list_entries, " in ", record.contents, " parts") : "",
      "\n", counts.computed_tokens, " tokens computed in ", format_duration(counts.seconds), " (",
      format_rate(rate), " tokens/s), ", counts.cached_rows, " entries from the cache\n"));
  return 0;
}

}  // namespace

void add_memory_add(Command group, Context& context) {
  auto options = std::make_shared<AddOptions>();
  const Command command = group.add("add", "Make a segment from texts, or append to one");
  command.option("FILES", options->texts.files, "UTF-8 texts; - or none: standard input");
  const Argument name = command.option("--name", options->name, "Name of a shared segment");
  command.flag("--append", options->append, "Append to the segment of that name").needs(name);
  command.option("--keys", options->keys,
                 message(kKeysText, " (default: f32; with --append as the segment's)"));
  command.option("--site", options->site,
                 "Feature site: post_norm or pre_norm (default: post_norm; with --append as the "
                 "segment's)");
  add_text_options(command, options->texts);
  command.footer(kFooter);
  command.runs(context, [&context, options] { return run_add(context, *options); });
}

}  // namespace pema::tools
