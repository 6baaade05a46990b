#include "tools/commands/profile.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kPage = 1000;

struct ListOptions {
  std::string after;
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  std::string pool;
  std::int64_t version = 0;
};

/// At most `limit` profiles after a name; those of one pool version where there is one.
std::vector<ProfileRecord> page_of(const Store& store, PoolId pool, const std::string& after,
                                   std::int64_t limit) {
  if (!pool) return store.profiles(after, limit);
  std::vector<ProfileRecord> page;
  for (const std::string& name : store.pool_users(pool, {}, after, limit).names) {
    if (std::optional<ProfileRecord> record = store.find_profile(name)) {
      page.push_back(*std::move(record));
    }
  }
  return page;
}

/// Calls `visit` for each profile in name order, a page at a time.
template <typename Visitor>
void visit_profiles(const Store& store, const ListOptions& options, const Visitor& visit) {
  const PoolId pool =
      options.pool.empty() ? PoolId{} : require_pool(store, options.pool, options.version).id;
  std::string after = options.after;
  std::int64_t left = options.limit;
  while (left > 0) {
    const std::vector<ProfileRecord> page = page_of(store, pool, after, std::min(kPage, left));
    if (page.empty()) return;
    for (const ProfileRecord& profile : page) visit(profile);
    after = page.back().name;
    left -= static_cast<std::int64_t>(page.size());
  }
}

/// A million profiles are printed as they are read, one line each, never held.
void print_list_json(const Store& store, const ListOptions& options) {
  print(message("{\"count\": ", store.profile_count(), ", \"profiles\": ["));
  const char* separator = "\n";
  visit_profiles(store, options, [&](const ProfileRecord& profile) {
    Json row;
    row["name"] = profile.name;
    row["generation"] = profile.generation;
    row["mask_size"] = profile.mask.size();
    row["mask_bytes"] = profile.mask.stored_bytes();
    row["lambda"] = profile.schedule.lambda_max;
    row["segments"] = profile.segments.size();
    print(separator + row.dump(-1, ' ', false, Json::error_handler_t::replace));
    separator = ",\n";
  });
  print("\n]}\n");
}

int run_ls(Context& context, const ListOptions& options) {
  const Store& store = context.store(OpenMode::kReadOnly);
  if (context.options.json) {
    print_list_json(store, options);
    return 0;
  }
  Table table({"NAME", ">GENERATION", ">MASK", ">BYTES", ">LAMBDA", ">SEGMENTS"});
  visit_profiles(store, options, [&](const ProfileRecord& profile) {
    table.add({printable(profile.name), std::to_string(profile.generation),
               std::to_string(profile.mask.size()), std::to_string(profile.mask.stored_bytes()),
               format_fixed(profile.schedule.lambda_max, 4),
               std::to_string(profile.segments.size())});
  });
  print(store.profile_count() == 0
            ? "no profiles; make one with `pema profile enrol` or `pema profile set`\n"
            : table.text());
  return 0;
}

int run_show(Context& context, const std::string& name) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const ProfileRecord profile = require_profile(store, name);
  if (context.options.json) {
    print_json(profile_json(store, profile));
  } else {
    print(profile_text(store, profile));
  }
  return 0;
}

}  // namespace

void add_profile(Command app, Context& context) {
  const Command group = app.add_group("profile", "People's profiles");
  group.footer(
      "Examples:\n  pema profile ls\n  pema profile show alice\n"
      "  pema profile export alice alice.pema\n  pema profile rm alice");

  auto list = std::make_shared<ListOptions>();
  const Command ls = group.add("ls", "List profiles in name order");
  ls.option("--after", list->after, "Begin after this name");
  ls.option("--limit", list->limit, "At most so many (default: all)").positive();
  const Argument pool = ls.option("--pool", list->pool, "Only those with masks over this pool");
  ls.option("--version", list->version, "Which version of it (default: the newest)")
      .positive()
      .needs(pool);
  ls.footer(
      "A page costs the same however far down it begins.\n\nExamples:\n  pema profile ls\n"
      "  pema profile ls --after m --limit 20 --json\n  pema profile ls --pool demo");
  ls.runs(context, [&context, list] { return run_ls(context, *list); });

  auto name = std::make_shared<std::string>();
  const Command show = group.add("show", "Show one profile");
  show.option("NAME", *name, "Name of the profile").required();
  show.footer("Examples:\n  pema profile show alice\n  pema profile show alice --json");
  show.runs(context, [&context, name] { return run_show(context, *name); });

  add_profile_set(group, context);
  add_profile_similar(group, context);

  add_profile_rm(group, context);
  add_profile_bundle(group, context);
  add_profile_pack(group, context);
  add_profile_rebase(group, context);
  add_profile_expire(group, context);
}

}  // namespace pema::tools
