#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pema/operating.h"
#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

struct Options {
  std::vector<std::string> names;
  bool all = false;
  std::string pool;
  std::int64_t version = 0;
  std::int64_t rows = 100'000;
};

/// The pool's name is the one that the named profiles are over, where --pool does not say it.
std::string pool_name(const Store& store, const Options& options) {
  if (!options.pool.empty()) return options.pool;
  PEMA_CHECK(!options.all, kInvalidArgument, "--all needs the pool's name (--pool NAME)");
  const ProfileRecord first = require_profile(store, options.names.front());
  const std::optional<PoolRecord> pool = store.find_pool(first.pool);
  PEMA_CHECK(pool.has_value(), kInvalidArgument, "profile '", printable(first.name),
             "' has no pool to be rebased from");
  return pool->name;
}

int run(Context& context, const Options& options) {
  PEMA_CHECK(options.all != !options.names.empty(), kInvalidArgument,
             "name profiles, or everybody over older versions with --all");
  Store& store = context.store();
  const PoolRecord to = require_pool(store, pool_name(store, options), options.version);
  const RebaseReport report = store.rebase_profiles(
      to.id, options.names, {.rows_per_commit = options.rows, .progress = &context.progress()});
  context.end_progress();
  if (context.options.json) {
    Json document;
    document["pool"] = to.name;
    document["version"] = to.version;
    document["rebased"] = report.rebased;
    document["already"] = report.already;
    document["refused"] = Json::array();
    for (const RefusedRebase& refused : report.refused) {
      document["refused"].push_back({{"name", refused.name}, {"why", refused.why}});
    }
    print_json(document);
  } else {
    std::string text =
        message("rebased ", report.rebased, report.rebased == 1 ? " profile" : " profiles", " to ",
                printable(to.name), ", version ", to.version, "\n");
    for (const RefusedRebase& refused : report.refused) {
      text += message("refused ", printable(refused.name), ": ", refused.why, "\n");
    }
    print(text);
  }
  return report.refused.empty() ? 0 : exit_code(ErrorCode::kMismatch);
}

}  // namespace

void add_profile_rebase(Command group, Context& context) {
  auto options = std::make_shared<Options>();
  const Command rebase =
      group.add("rebase", "Bring profiles to a newer version of their pool, which has grown");
  rebase.option("NAMES", options->names, "Names of the profiles");
  rebase.flag("--all", options->all, "Everybody over older versions of --pool");
  rebase.option("--pool", options->pool, "Name of the pool (default: that of the first profile)");
  rebase.option("--to", options->version, "Which version (default: the newest)")
      .positive()
      .called("VERSION");
  rebase.option("--rows", options->rows, "Profiles in one transaction").positive().shows_default();
  rebase.footer(
      "Masks get the new width; the adapters that came are not selected, so what is generated "
      "stays\n"
      "the same, bit for bit. Versions whose first adapters are others are refused (5), and so "
      "are\n"
      "profiles weighed by their pool's gate where the new version has another gate. After Ctrl-C "
      "the\n"
      "same command goes on.\n\nExamples:\n  pema profile rebase alice bob\n"
      "  pema profile rebase --all --pool demo --to 3 --json");
  rebase.runs(context, [&context, options] { return run(context, *options); });
}

}  // namespace pema::tools
