#include <memory>
#include <string>
#include <vector>

#include "pema/erasure.h"
#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/commands/receipt_print.h"
#include "tools/commands/removed_list.h"
#include "tools/context.h"
#include "tools/terminal/output.h"

namespace pema::tools {
namespace {

struct RemovalOptions {
  std::vector<std::string> names;
  bool erase = false;
  std::vector<std::string> backups;
};

int run_erase(Context& context, const RemovalOptions& options) {
  Store& store = context.store();
  Json receipts = Json::array();
  std::string text;
  bool complete = true;
  for (const std::string& name : options.names) {
    const ErasureReceipt receipt = store.erase_profile(name, {.backups = options.backups});
    complete = complete && receipt.complete();
    receipts.push_back(receipt_json(receipt));
    text += receipt_text(receipt);
  }
  if (context.options.json) {
    Json document;
    document["complete"] = complete;
    document["receipts"] = std::move(receipts);
    print_json(document);
  } else {
    print(text);
  }
  return complete ? 0 : exit_code(ErrorCode::kBusy);
}

int run_remove(Context& context, const std::vector<std::string>& names) {
  Store& store = context.store();
  // All or none for a mistyped name; another process may still take one away in between.
  for (const std::string& name : names) (void)require_profile(store, name);
  Json removed = Json::array();
  for (const std::string& name : names) {
    if (store.remove_profile(name)) removed.push_back(name);
  }
  print_removed(context, removed, "profile", "profiles");
  return 0;
}

constexpr const char* kFooter =
    R"(A profile's own segments go with their files when nobody else reads them. Shared segments
and pools stay. With --erase nothing else is left either: not the hash of the name, nothing in the
log or in unused room of the registry; a receipt without any name says what was found in each
place. Backups are only looked through: those that the store knows of (`pema store backups`) and
those below --backups; one that cannot be looked at is "unreachable" in the receipt. Names that are
not there are erased as well, for people who were removed before. The status is 9 when something is
left, in a backup or because somebody reads the store, or a backup is unreachable; run it again
later.

Examples:
  pema profile rm alice
  pema profile rm alice --erase --backups /copies/of/backups
  pema profile rm alice bob --json)";

}  // namespace

void add_profile_rm(Command group, Context& context) {
  auto options = std::make_shared<RemovalOptions>();
  const Command rm = group.add("rm", "Remove profiles and the segments only they read");
  rm.option("NAMES", options->names, "Names of the profiles").required();
  const Argument erase =
      rm.flag("--erase", options->erase, "Leave nothing of them behind, and print the receipt");
  rm.option("--backups", options->backups,
            "Folder of backups to look for them in beside those that the store knows (repeatable)")
      .called("DIR")
      .needs(erase);
  rm.footer(kFooter);
  rm.runs(context, [&context, options] {
    return options->erase ? run_erase(context, *options) : run_remove(context, options->names);
  });
}

}  // namespace pema::tools
