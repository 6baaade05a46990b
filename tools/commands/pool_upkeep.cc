#include <memory>
#include <string>
#include <vector>

#include "pema/operating.h"
#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/pool.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

struct RetireOptions {
  std::string name;
  std::int64_t version = 0;
  std::vector<std::int64_t> adapters;
  bool undo = false;
};

int run_gc(Context& context, bool dry_run) {
  const OpenMode mode = dry_run ? OpenMode::kReadOnly : OpenMode::kReadWrite;
  const PoolCollection collection = context.store(mode).collect_pools(dry_run);
  if (context.options.json) {
    Json document;
    document["dry_run"] = dry_run;
    document["versions"] = Json::array();
    for (const PoolRecord& pool : collection.versions) {
      document["versions"].push_back(
          {{"name", pool.name}, {"version", pool.version}, {"digest", pool.digest.hex()}});
    }
    document["objects"] = Json::array();
    for (const Digest& object : collection.objects) document["objects"].push_back(object.hex());
    document["bytes"] = collection.bytes;
    print_json(document);
    return 0;
  }
  std::string text;
  for (const PoolRecord& pool : collection.versions) {
    text += message(printable(pool.name), ", version ", pool.version, "\n");
  }
  text +=
      message(dry_run ? "would remove " : "removed ", collection.versions.size(),
              collection.versions.size() == 1 ? " version" : " versions", " with ",
              collection.objects.size(), collection.objects.size() == 1 ? " object" : " objects",
              ", ", format_bytes(collection.bytes), "\n");
  print(text);
  return 0;
}

int run_retire(Context& context, const RetireOptions& options) {
  Store& store = context.store();
  const PoolRecord pool = require_pool(store, options.name, options.version);
  for (const std::int64_t adapter : options.adapters) {
    PEMA_CHECK(adapter < pool.info.adapters, kInvalidArgument, "pool '", printable(pool.name),
               "' has the adapters 0 to ", pool.info.adapters - 1, ", not ", adapter);
  }
  for (const std::int64_t adapter : options.adapters) {
    static_cast<void>(store.retire_adapter(pool.id, adapter, !options.undo));
  }
  const std::vector<std::int64_t> retired = store.find_pool(pool.id)->retired.indices();
  if (context.options.json) {
    Json document;
    document["pool"] = pool.name;
    document["version"] = pool.version;
    document["retired"] = retired;
    print_json(document);
  } else {
    std::string list;
    for (const std::int64_t adapter : retired) list += " " + std::to_string(adapter);
    print(message("retired in ", printable(pool.name), ", version ", pool.version, ":",
                  retired.empty() ? " none" : list, "\n"));
  }
  return 0;
}

}  // namespace

void add_pool_upkeep(Command group, Context& context) {
  auto dry_run = std::make_shared<bool>(false);
  const Command gc = group.add("gc", "Remove old pool versions that no profile names");
  gc.flag("--dry-run", *dry_run, "Only say what would go, and how many bytes");
  gc.footer(
      "The newest version of each pool stays, used or not. Who has such a pool in memory keeps "
      "it.\n"
      "Bring people to the newest version first: `pema profile rebase --all`.\n\nExamples:\n"
      "  pema pool gc --dry-run\n  pema pool gc --json");
  gc.runs(context, [&context, dry_run] { return run_gc(context, *dry_run); });

  auto options = std::make_shared<RetireOptions>();
  const Command retire = group.add("retire", "Let new masks choose an adapter no more");
  retire.option("NAME", options->name, "Name of the pool").required();
  retire.option("--adapter", options->adapters, "Number of the adapter (repeatable)")
      .required()
      .non_negative();
  retire.option("--version", options->version, "Which version (default: the newest)").positive();
  retire.flag("--undo", options->undo, "Bring it back");
  retire.footer(
      "Holds for every version that has the same adapter at the same place, later ones too.\n"
      "Profiles that select it keep it; `pema pool users NAME --adapter I` says who they are.\n\n"
      "Examples:\n  pema pool retire demo --adapter 17\n"
      "  pema pool retire demo --adapter 17 --undo");
  retire.runs(context, [&context, options] { return run_retire(context, *options); });
}

}  // namespace pema::tools
