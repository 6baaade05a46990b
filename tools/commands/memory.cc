#include "tools/commands/memory.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/memory_add.h"
#include "tools/commands/memory_codebook.h"
#include "tools/commands/memory_forget.h"
#include "tools/commands/memory_index.h"
#include "tools/commands/removed_list.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

const char* kind_name(SegmentKind kind) { return kind == SegmentKind::kOwn ? "own" : "shared"; }

/// Number of profiles that may read a segment; walks all profiles.
std::int64_t count_readers(const Store& store, SegmentId segment) {
  std::int64_t readers = 0;
  std::string after;
  for (;;) {
    const std::vector<ProfileRecord> page = store.profiles(after);
    if (page.empty()) return readers;
    for (const ProfileRecord& profile : page) {
      for (const SegmentId id : profile.segments) readers += id == segment ? 1 : 0;
    }
    after = page.back().name;
  }
}

/// ", codebook common" of product-quantised keys, else nothing.
std::string codebook_text(const Store& store, const SegmentRecord& segment) {
  if (segment.info.codebook.is_zero()) return {};
  const auto codebook = store.find_codebook(segment.info.codebook);
  return ", codebook " + (codebook && !codebook->name.empty() ? printable(codebook->name)
                                                              : segment.info.codebook.short_hex());
}

/// Names of the indexes that hold any content of a segment.
std::vector<std::string> index_names(const Store& store, std::span<const SegmentRecord> list) {
  std::vector<Digest> digests;
  for (const SegmentRecord& content : list) digests.push_back(content.digest);
  std::vector<std::string> names;
  for (const IndexCover& cover : store.covering_indexes(digests)) {
    names.push_back(cover.index.name);
  }
  return names;
}

Json list_json(std::span<const SegmentRecord> list) {
  Json contents = Json::array();
  std::int64_t first = 0;
  for (const SegmentRecord& content : list) {
    contents.push_back({{"digest", content.digest.hex()},
                        {"first", first},
                        {"entries", content.info.entries},
                        {"bytes", content.bytes}});
    first += content.info.entries;
  }
  return contents;
}

/// A line for each part, where there are several.
std::string list_text(std::span<const SegmentRecord> list) {
  if (list.size() == 1) return {};
  std::string text = message("version    ", list[0].version, "\n");
  std::int64_t first = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += message("part ", i + 1, i < 9 ? "     " : "    ", list[i].digest.short_hex(),
                    ", entries from ", first, ": ", list[i].info.entries, ", ",
                    format_bytes(list[i].bytes), "\n");
    first += list[i].info.entries;
  }
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name);
  return text.empty() ? "-" : text;
}

int run_ls(Context& context) {
  const std::vector<SegmentRecord> segments = context.store(OpenMode::kReadOnly).segments();
  if (context.options.json) {
    Json document;
    document["segments"] = Json::array();
    for (const SegmentRecord& segment : segments) {
      document["segments"].push_back(segment_json(segment));
    }
    print_json(document);
    return 0;
  }
  Table table({"NAME", "KIND", ">PARTS", ">ENTRIES", "KEYS", ">BYTES A KEY", ">SIZE", "DIGEST"});
  for (const SegmentRecord& segment : segments) {
    table.add({segment.name.empty() ? "-" : printable(segment.name), kind_name(segment.kind),
               std::to_string(segment.contents), std::to_string(segment.list_entries),
               std::string(to_string(segment.info.keys)), std::to_string(key_bytes(segment.info)),
               format_bytes(segment.list_bytes), segment.digest.short_hex()});
  }
  print(segments.empty() ? "no segments; make one with `pema memory add FILE --name NAME`\n"
                         : table.text());
  return 0;
}

int run_show(Context& context, const std::string& name) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const SegmentRecord segment = require_segment(store, name);
  // Loading it checks the digest: what is shown is what is there.
  const std::vector<SegmentRecord> list = store.segment_list(segment.id);
  for (const SegmentRecord& content : list) (void)store.load_segment(content);
  const std::int64_t readers = count_readers(store, segment.id);
  const std::vector<std::string> indexes = index_names(store, list);
  if (context.options.json) {
    Json document = segment_json(segment);
    document["readers"] = readers;
    document["indexes"] = indexes;
    document["list"] = list_json(list);
    print_json(document);
    return 0;
  }
  print(message("segment    ", segment.name.empty() ? "-" : printable(segment.name),
                "\nkind       ", kind_name(segment.kind), "\ndigest     ", segment.digest.hex(),
                "\nmodel      ", segment.info.model.hex(), "\nentries    ", segment.list_entries,
                ", d = ", segment.info.hidden, ", site ", to_string(segment.info.site),
                "\nkeys       ", to_string(segment.info.keys), ", ", key_bytes(segment.info),
                " bytes each", codebook_text(store, segment), "\nsize       ",
                format_bytes(segment.list_bytes), "\nreaders    ", readers,
                " profiles\nindexes    ", joined(indexes), "\nfile       ",
                store.object_path(segment.digest), "\n", list_text(list)));
  return 0;
}

int run_rm(Context& context, const std::vector<std::string>& names) {
  Store& store = context.store();
  std::vector<SegmentId> segments;
  for (const std::string& name : names) segments.push_back(require_segment(store, name).id);
  Json removed = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (store.remove_segment(segments[i])) removed.push_back(names[i]);
  }
  print_removed(context, removed, "segment", "segments");
  return 0;
}

}  // namespace

Json segment_json(const SegmentRecord& segment) {
  Json document;
  document["name"] = segment.name.empty() ? Json() : Json(segment.name);
  document["kind"] = kind_name(segment.kind);
  document["digest"] = segment.digest.hex();
  document["model"] = segment.info.model.hex();
  document["site"] = to_string(segment.info.site);
  document["entries"] = segment.list_entries;
  document["hidden"] = segment.info.hidden;
  document["keys"] = to_string(segment.info.keys);
  document["key_bytes"] = key_bytes(segment.info);
  document["codebook"] =
      segment.info.codebook.is_zero() ? Json() : Json(segment.info.codebook.hex());
  document["bytes"] = segment.list_bytes;
  document["parts"] = segment.contents;
  document["version"] = segment.version;
  return document;
}

void add_memory(Command app, Context& context) {
  const Command group = app.add_group("memory", "Memory segments that profiles may read");
  group.footer(
      "Examples:\n  pema memory add handbook.txt --name handbook\n  pema memory ls\n"
      "  pema memory show handbook");
  add_memory_add(group, context);
  add_memory_forget(group, context);
  add_memory_merge(group, context);
  add_memory_codebook(group, context);
  add_memory_index(group, context);

  const Command ls = group.add("ls", "List segments");
  ls.footer("Examples:\n  pema memory ls\n  pema memory ls --json | jq '.segments[].entries'");
  ls.runs(context, [&context] { return run_ls(context); });

  auto name = std::make_shared<std::string>();
  const Command show = group.add("show", "Check and show one segment");
  show.option("NAME", *name, "Name, or the first characters of the digest").required();
  show.footer("Examples:\n  pema memory show handbook\n  pema memory show 5f1c0a9d --json");
  show.runs(context, [&context, name] { return run_show(context, *name); });

  auto names = std::make_shared<std::vector<std::string>>();
  const Command rm = group.add("rm", "Remove segments that no profile reads, and their indexes");
  rm.option("NAMES", *names, "Names, or the first characters of digests").required();
  rm.footer("Examples:\n  pema memory rm handbook");
  rm.runs(context, [&context, names] { return run_rm(context, *names); });
}

}  // namespace pema::tools
