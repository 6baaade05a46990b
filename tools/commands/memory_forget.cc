#include "tools/commands/memory_forget.h"

#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pema/segment_list.h"
#include "tools/commands/lookup.h"
#include "tools/commands/memory_add.h"
#include "tools/commands/text_segment.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(Writes the segment anew without the entries; when the command ends they are in no file of the store. Rights stay as
they are. Entries are named by their numbers (`memory add --json` tells those of each text, `memory show` those of each part), by
a part as a whole, or by a text: then every entry goes that the same text makes, wherever it lies, and what the feature cache has of the text
too. A text must be given as it was added: the same file, model, --context and --document-tokens. Indexes over the old parts go
(build them again). Backups and bundles that were made before keep what they have.

Examples:
  pema memory forget handbook --text letter.txt
  pema memory forget handbook --entries 120-340,512
  pema memory forget handbook --part 5f1c0a9d)";

struct ForgetOptions {
  std::string name;
  std::string entries;
  std::vector<std::string> parts;
  std::optional<std::int64_t> version;
  TextOptions texts;
};

std::int64_t parse_number(std::string_view text, std::string_view all) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  PEMA_CHECK(error == std::errc() && end == text.data() + text.size() && number >= 0,
             kInvalidArgument, "--entries '", printable(all),
             "' is no list of numbers and ranges, as in 0-99,512");
  return number;
}

std::vector<EntryRange> parse_ranges(const std::string& text) {
  std::vector<EntryRange> ranges;
  std::string_view rest = text;
  while (!text.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view one = rest.substr(0, comma);
    const std::size_t dash = std::min(one.find('-'), one.size());
    const std::int64_t first = parse_number(one.substr(0, dash), text);
    const bool single = dash == one.size();
    ranges.push_back({first, single ? first : parse_number(one.substr(dash + 1), text)});
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  return ranges;
}

/// The part whose digest begins with `prefix`.
Digest find_part(const Store& store, const SegmentRecord& segment, const std::string& prefix) {
  std::optional<Digest> found;
  for (const SegmentRecord& content : store.segment_list(segment.id)) {
    if (prefix.size() < 6 || !content.digest.hex().starts_with(prefix)) continue;
    PEMA_CHECK(!found, kInvalidArgument, "several parts of segment '", printable(segment.name),
               "' begin with '", printable(prefix), "'; give more characters of the digest");
    found = content.digest;
  }
  PEMA_CHECK(found.has_value(), kNotFound, "segment '", printable(segment.name),
             "' has no part whose digest begins with '", printable(prefix),
             "' (6 characters at least); `pema memory show` lists them");
  return *found;
}

void print_forgotten(Context& context, const ForgottenEntries& result, std::int64_t files) {
  if (context.options.json) {
    Json document = segment_json(result.record);
    document["forgotten"] = result.entries;
    document["written_bytes"] = result.bytes;
    document["cache_files"] = files;
    document["also_in"] = result.also_in;
    document["pending"] = result.pending;
    print_json(document);
    return;
  }
  std::string text = message("segment ", printable(result.record.name), " forgot ", result.entries,
                             " entries and has ", result.record.list_entries, "; ",
                             format_bytes(result.bytes), " written anew\n");
  for (const std::string& name : result.also_in) {
    text += message("the same content is also ",
                    name.empty() ? "a person's own segment" : "in segment " + printable(name),
                    ", which still has them\n");
  }
  if (result.pending) {
    text += "a backup is being written; the old file goes with the next writing command after it\n";
  }
  print(text);
}

int run_forget(Context& context, const ForgetOptions& options) {
  Store& store = context.store();
  const SegmentRecord segment = require_segment(store, options.name);
  ForgetDraft draft;
  draft.entries = parse_ranges(options.entries);
  draft.version = options.version;
  for (const std::string& part : options.parts) {
    draft.contents.push_back(find_part(store, segment, part));
  }
  std::optional<TextSegment> texts;
  if (!options.texts.files.empty()) {
    texts.emplace(context, options.texts, segment.info.site);
    draft.like.push_back(texts->make(context, keys_of(store, segment)));
  }
  const ForgottenEntries result = store.forget_entries(segment.id, draft);
  const std::int64_t files = texts ? texts->forget(context) : 0;
  PEMA_CHECK(result.entries > 0 || !texts, kNotFound, "segment '", printable(segment.name),
             "' has no entry that these texts make; give them as they were added: the same files, "
             "model, --context and --document-tokens, on the same kind of machine");
  print_forgotten(context, result, files);
  return result.pending || !result.also_in.empty() ? exit_code(ErrorCode::kBusy) : 0;
}

struct MergeChoice {
  std::string name;
  MergeOptions merge;
};

int run_merge(Context& context, MergeChoice choice) {
  Store& store = context.store();
  const SegmentRecord segment = require_segment(store, choice.name);
  choice.merge.progress = &context.progress();
  const MergedSegment result = store.merge_segment(segment.id, choice.merge);
  context.end_progress();
  if (context.options.json) {
    Json document = segment_json(result.record);
    document["merged"] = result.merged;
    document["written_bytes"] = result.bytes;
    print_json(document);
  } else {
    print(message("segment ", printable(result.record.name), ": ", result.merged, " parts merged, ",
                  result.record.contents, " now, ", result.record.list_entries, " entries; ",
                  format_bytes(result.bytes), " written\n"));
  }
  return 0;
}

}  // namespace

void add_memory_forget(Command group, Context& context) {
  auto options = std::make_shared<ForgetOptions>();
  const Command command = group.add("forget", "Take entries out of a shared segment, for good");
  command.option("NAME", options->name, "Name of the segment").required();
  command.option("--entries", options->entries, "Numbers and ranges, from 0: 0-99,512")
      .called("LIST");
  command.option("--part", options->parts, "A part, by the first characters of its digest");
  command.option("--text", options->texts.files, "Texts, as they were added; - is standard input");
  command.option("--of-version", options->version,
                 "Refuse when the segment has another version (`memory show`) by now");
  add_text_options(command, options->texts);
  command.footer(kFooter);
  command.runs(context, [&context, options] { return run_forget(context, *options); });
}

void add_memory_merge(Command group, Context& context) {
  auto choice = std::make_shared<MergeChoice>();
  const Command command = group.add("merge", "Make one part of the parts of a segment");
  command.option("NAME", choice->name, "Name of the segment").required();
  command
      .option("--above", choice->merge.contents, "Leave a segment of at most so many parts alone")
      .shows_default()
      .positive();
  command
      .parsed_option(
          "--size", [choice](const std::string& text) { choice->merge.bytes = parse_bytes(text); },
          "Bytes of a part, at most (default: 512M); merging takes twice as much memory")
      .called("SIZE");
  command.footer(
      "Searches find the same before and after, faster after it. May run beside servers, from "
      "cron.\n\n"
      "Examples:\n  pema memory merge handbook\n  pema memory merge handbook --above 16");
  command.runs(context, [&context, choice] { return run_merge(context, *choice); });
}

}  // namespace pema::tools
