#include "tools/commands/memory_index.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/removed_list.h"
#include "tools/context.h"
#include "tools/index_option.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(An index makes recall from many keys faster; `generate`, `explain` and `eval` use it by themselves where it holds a profile's
memories and pays. It is never needed: what it lacks is scanned, and it goes with the first of its segments that is erased. Its codes
are made of the keys, so it is as personal as they are; bundles do not carry it. The same command again leaves an index alone that is
whole and has all its segments; NAME alone builds an index again as it was asked for.

--codes int8 keeps d + 20 bytes of every key in memory. --codes product keeps tens of bytes and serves a wanted recall below 1 alone: what
it finds, and its distances, come from the stored keys. auto, the default, takes int8 where that fits half of --budget, or there is none,
and otherwise product; an index that is there keeps its codes unless --codes or --budget says otherwise.

Examples:
  pema memory index build manuals --segments handbook,faq
  pema memory index build team --own-of people --recall 0.95
  pema memory index build everything --all
  pema memory index build everything --all --codes product --bytes-per-key 24 --recall 0.95
  pema memory index build everything --all --budget 1G --recall 0.95
  pema memory index build manuals
  pema memory index show manuals --json | jq .missing)";

struct BuildOptions {
  std::string name;
  std::vector<std::string> segments;
  std::string pool;
  bool everybody = false;
  std::optional<double> recall;
  std::int64_t lists = 0;
  std::string codes = "auto";
  std::optional<std::int64_t> bytes_per_key;
  std::int64_t budget = 0;
};

std::string scope_text(const RecallIndexRecord& index) {
  switch (index.scope) {
    case IndexScope::kPool:
      return "own segments of pool " + printable(index.pool);
    case IndexScope::kEverybody:
      return "all that profiles read";
    case IndexScope::kSegments:
      break;
  }
  return "named segments";
}

const char* scope_name(IndexScope scope) {
  switch (scope) {
    case IndexScope::kPool:
      return "pool";
    case IndexScope::kEverybody:
      return "all";
    case IndexScope::kSegments:
      break;
  }
  return "segments";
}

Json index_json(const Store& store, const RecallIndexRecord& index) {
  const auto codes = codes_in_file(store.object_path(index.digest));
  Json document;
  document["name"] = index.name;
  document["digest"] = index.digest.hex();
  document["model"] = index.model.hex();
  document["scope"] = scope_name(index.scope);
  document["pool"] = index.pool.empty() ? Json() : Json(index.pool);
  document["wanted_recall"] = index.wanted_recall;
  document["entries"] = index.entries;
  document["hidden"] = index.hidden;
  document["lists"] = index.lists;
  document["codes"] = codes ? Json(to_string(codes->codes)) : Json();
  document["bytes_per_key"] =
      codes && codes->codes == IndexCodes::kProduct ? Json(codes->bytes_per_key) : Json();
  document["segments"] = index.segments;
  document["bytes"] = index.bytes;
  document["memory_bytes"] = index.memory_bytes;
  return document;
}

RecallIndexDraft draft_of(const Store& store, const BuildOptions& options) {
  const bool scoped = options.everybody || !options.pool.empty() || !options.segments.empty();
  RecallIndexDraft draft;
  if (!scoped) {
    draft = store.draft_of(require_index(store, options.name));
  } else {
    draft.name = options.name;
    draft.pool = options.pool;
    if (!options.pool.empty()) draft.scope = IndexScope::kPool;
    if (options.everybody) draft.scope = IndexScope::kEverybody;
    for (const std::string& name : options.segments) {
      draft.segments.push_back(require_segment(store, name).id);
    }
  }
  draft.wanted_recall = options.recall.value_or(draft.wanted_recall);
  return draft;
}

/// ", int8 codes"; nothing where the file does not say.
std::string codes_text(const Store& store, const RecallIndexRecord& index) {
  const auto codes = codes_in_file(store.object_path(index.digest));
  if (!codes) return "";
  if (codes->codes == IndexCodes::kInt8) return ", int8 codes";
  return message(", product codes of ", codes->bytes_per_key, " bytes",
                 index.wanted_recall < 1 ? "" : " (for a wanted --recall below 1 alone)");
}

RecallIndexOptions index_options(Context& context, const BuildOptions& options) {
  PEMA_CHECK(!options.bytes_per_key || options.codes == "product" ||
                 (options.codes == "auto" && options.budget > 0),
             kInvalidArgument,
             "--bytes-per-key is of product codes; add --codes product, or --budget to choose them "
             "where memory is short");
  RecallIndexOptions out;
  out.lists = options.lists;
  out.threads = context.options.threads;
  out.progress = &context.progress();
  out.codes = parse_index_codes(options.codes);
  out.bytes_per_key = options.bytes_per_key.value_or(out.bytes_per_key);
  out.memory_budget = options.budget;
  return out;
}

int run_build(Context& context, const BuildOptions& options) {
  PEMA_CHECK(options.name != "auto" && options.name != "off", kInvalidArgument, "--index ",
             options.name, " has a meaning of its own; choose another name for the index");
  Store& store = context.store();
  const RecallIndexDraft draft = draft_of(store, options);
  const auto start = std::chrono::steady_clock::now();
  const BuiltRecallIndex built = store.build_index(draft, index_options(context, options));
  context.end_progress();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const RecallIndexRecord& index = built.record;
  if (context.options.json) {
    Json document = index_json(store, index);
    document["built"] = built.built.empty() ? Json() : Json(built.built);
    document["seconds"] = seconds;
    print_json(document);
    return 0;
  }
  print(message("index ", printable(index.name), ": ", index.entries, " keys of ", index.segments,
                index.segments == 1 ? " segment, " : " segments, ", index.lists, " lists",
                codes_text(store, index), ", ", format_bytes(index.bytes), " on disk, ",
                format_bytes(index.memory_bytes), " in memory; ",
                built.built.empty() ? std::string("it was whole and was left alone")
                                    : built.built + " in " + format_duration(seconds),
                "\n"));
  return 0;
}

int run_ls(Context& context) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const std::vector<RecallIndexRecord> indexes = store.indexes();
  if (context.options.json) {
    Json document;
    document["indexes"] = Json::array();
    for (const RecallIndexRecord& index : indexes) {
      document["indexes"].push_back(index_json(store, index));
    }
    print_json(document);
    return 0;
  }
  Table table({"NAME", "OVER", ">SEGMENTS", ">KEYS", ">RECALL", ">SIZE", ">IN MEMORY", "DIGEST"});
  for (const RecallIndexRecord& index : indexes) {
    table.add({printable(index.name), scope_text(index), std::to_string(index.segments),
               std::to_string(index.entries), format_fixed(index.wanted_recall, 2),
               format_bytes(index.bytes), format_bytes(index.memory_bytes),
               index.digest.short_hex()});
  }
  print(indexes.empty() ? "no indexes; make one with `pema memory index build NAME`\n"
                        : table.text());
  return 0;
}

int run_show(Context& context, const std::string& name) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const RecallIndexRecord index = require_index(store, name);
  // What is shown is what is there.
  (void)store.load_index(index);
  const std::vector<Digest> held = store.index_segments(index.id);
  std::vector<std::string> missing;
  for (const SegmentRecord& segment : store.segments_to_index(store.draft_of(index))) {
    if (std::binary_search(held.begin(), held.end(), segment.digest)) continue;
    missing.push_back(segment.name.empty() ? segment.digest.short_hex() : segment.name);
  }
  if (context.options.json) {
    Json document = index_json(store, index);
    document["held"] = Json::array();
    for (const Digest& digest : held) document["held"].push_back(digest.hex());
    document["missing"] = missing;
    print_json(document);
    return 0;
  }
  print(message("index      ", printable(index.name), "\nover       ", scope_text(index), ", ",
                index.segments, index.segments == 1 ? " segment" : " segments", "\ndigest     ",
                index.digest.hex(), "\nmodel      ", index.model.hex(), "\nkeys       ",
                index.entries, ", d = ", index.hidden, ", in ", index.lists, " lists",
                codes_text(store, index), "\nrecall     ", format_fixed(index.wanted_recall, 4),
                "\nsize       ", format_bytes(index.bytes), ", in memory ",
                format_bytes(index.memory_bytes), "\nolder than ", missing.size(),
                " segments, which are scanned beside it",
                missing.empty() ? "" : "; build it again to take them in", "\nfile       ",
                store.object_path(index.digest), "\n"));
  return 0;
}

int run_rm(Context& context, const std::vector<std::string>& names) {
  Store& store = context.store();
  for (const std::string& name : names) (void)require_index(store, name);
  Json removed = Json::array();
  for (const std::string& name : names) {
    if (store.remove_index(name)) removed.push_back(name);
  }
  print_removed(context, removed, "index", "indexes");
  return 0;
}

}  // namespace

void add_memory_index(Command memory, Context& context) {
  const Command group = memory.add_group("index", "Indexes over segments, for faster recall");
  group.footer(kFooter);
  auto options = std::make_shared<BuildOptions>();
  const Command build = group.add("build", "Build an index, or build it again");
  build.option("NAME", options->name, "Name of the index").required();
  const Argument segments =
      build.option("--segments", options->segments, "Over these segments, comma-separated")
          .split_at(',');
  const Argument pool =
      build.option("--own-of", options->pool, "Over the own segments of all profiles of this pool")
          .excludes(segments);
  build.flag("--all", options->everybody, "Over every segment that a profile reads")
      .excludes(segments)
      .excludes(pool);
  build
      .option(
          "--recall", options->recall,
          "Share of the nearest keys that rows which see 20,000 and more are to find through it "
          "(default: 1, exact; of an index that is there: as before)")
      .within(1e-6, 1.0);
  build.option("--lists", options->lists, "Lists of keys (default: one for 1,000 keys)")
      .within(0, 1 << 20);
  build
      .option("--codes", options->codes,
              "What is kept of a key: int8, product, or auto (int8 where memory is not short)")
      .one_of({"auto", "int8", "product"});
  build
      .option("--bytes-per-key", options->bytes_per_key,
              "Bytes of a key in product codes (default: 32)")
      .within(1, 64);
  build
      .parsed_option(
          "--budget", [options](const std::string& text) { options->budget = parse_bytes(text); },
          "Bytes of memory to build it in; its codes may take half (default: no limit)")
      .called("SIZE");
  build.footer(kFooter);
  build.runs(context, [&context, options] { return run_build(context, *options); });

  const Command ls = group.add("ls", "List indexes");
  ls.footer("Examples:\n  pema memory index ls --json | jq '.indexes[].bytes'");
  ls.runs(context, [&context] { return run_ls(context); });

  auto name = std::make_shared<std::string>();
  const Command show = group.add("show", "Check and show one index, and what it lacks by now");
  show.option("NAME", *name, "Name of the index").required();
  show.footer("Examples:\n  pema memory index show manuals");
  show.runs(context, [&context, name] { return run_show(context, *name); });

  auto names = std::make_shared<std::vector<std::string>>();
  const Command rm = group.add("rm", "Remove indexes; their segments stay");
  rm.option("NAMES", *names, "Names of indexes").required();
  rm.footer("Examples:\n  pema memory index rm manuals");
  rm.runs(context, [&context, names] { return run_rm(context, *names); });
}

}  // namespace pema::tools
