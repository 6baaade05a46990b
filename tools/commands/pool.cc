#include "tools/commands/pool.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/damage_list.h"
#include "tools/commands/lookup.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

struct PoolOptions {
  std::string name;
  std::int64_t version = 0;
};

std::string recipe_line(const PoolInfo& info) { return info.recipe.empty() ? "-" : info.recipe; }

/// Bytes of a pool's f32 payload, from its record alone.
std::int64_t payload_bytes(const PoolRecord& pool) {
  return pool.info.adapters * (2 * pool.info.rank * pool.info.hidden + 1) * 4;
}

Json pool_json(const PoolRecord& pool) {
  Json blocks = Json::array();
  for (const Digest& block : pool.block_objects) blocks.push_back(block.hex());
  Json document;
  document["name"] = pool.name;
  document["version"] = pool.version;
  document["digest"] = pool.digest.hex();
  document["model"] = pool.info.model.hex();
  document["adapters"] = pool.info.adapters;
  document["rank"] = pool.info.rank;
  document["hidden"] = pool.info.hidden;
  document["site"] = to_string(pool.info.site);
  document["form"] = to_string(pool.info.form);
  document["algebra"] = to_string(pool.info.algebra);
  document["norm"] = to_string(pool.info.norm);
  document["mask_scale"] = pool.info.mask_scale;
  document["shared_object"] =
      pool.shared_object.is_zero() ? Json() : Json(pool.shared_object.hex());
  document["gate_object"] = pool.gate_object.is_zero() ? Json() : Json(pool.gate_object.hex());
  document["block_objects"] = std::move(blocks);
  document["retired"] = pool.retired.indices();
  const Json recipe = Json::parse(pool.info.recipe, nullptr, false);
  document["recipe"] = recipe.is_discarded() ? Json(pool.info.recipe) : recipe;
  return document;
}

int run_ls(Context& context) {
  const std::vector<PoolRecord> pools = context.store(OpenMode::kReadOnly).pools();
  if (context.options.json) {
    Json document;
    document["pools"] = Json::array();
    for (const PoolRecord& pool : pools) document["pools"].push_back(pool_json(pool));
    print_json(document);
    return 0;
  }
  Table table(
      {"NAME", ">VERSION", ">ADAPTERS", ">RANK", "SHARED", "GATE", "FORM", "ALGEBRA", "DIGEST"});
  for (const PoolRecord& pool : pools) {
    table.add({printable(pool.name), std::to_string(pool.version),
               std::to_string(pool.info.adapters), std::to_string(pool.info.rank),
               pool.shared_object.is_zero() ? "no" : "yes",
               pool.gate_object.is_zero() ? "no" : "yes", std::string(to_string(pool.info.form)),
               std::string(to_string(pool.info.algebra)), pool.digest.short_hex()});
  }
  print(pools.empty() ? "no pools; make one with `pema pool train` or `pema demo`\n"
                      : table.text());
  return 0;
}

int run_show(Context& context, const PoolOptions& options) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const PoolRecord pool = require_pool(store, options.name, options.version);
  if (context.options.json) {
    print_json(pool_json(pool));
    return 0;
  }
  std::string text =
      message("pool       ", printable(pool.name), ", version ", pool.version, "\ndigest     ",
              pool.digest.hex(), "\nmodel      ", pool.info.model.hex(), "\nadapters   ",
              pool.info.adapters, " of rank ", pool.info.rank, ", d = ", pool.info.hidden, " (",
              format_bytes(payload_bytes(pool)), ")\nshared     ",
              pool.shared_object.is_zero() ? "none" : pool.shared_object.hex(), "\ngate       ",
              pool.gate_object.is_zero() ? "none" : pool.gate_object.hex(), "\nform       ",
              to_string(pool.info.form), ", ", to_string(pool.info.algebra), ", site ",
              to_string(pool.info.site), "\nrecipe     ", printable(recipe_line(pool.info)), "\n");
  for (const Digest& block : pool.block_objects) text += "block      " + block.hex() + "\n";
  for (const std::int64_t adapter : pool.retired.indices()) {
    const std::int64_t users = store.pool_users(pool.id, adapter, {}, 0).profiles;
    text += message("retired    adapter ", adapter, ", still selected by ", users,
                    users == 1 ? " profile\n" : " profiles\n");
  }
  print(text);
  return 0;
}

struct UserOptions {
  PoolOptions pool;
  std::optional<std::int64_t> adapter;
  std::string after;
  std::int64_t limit = 1000;
};

int run_users(Context& context, const UserOptions& options) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const PoolRecord pool = require_pool(store, options.pool.name, options.pool.version);
  const PoolUsers users = store.pool_users(pool.id, options.adapter, options.after, options.limit);
  if (context.options.json) {
    Json document;
    document["pool"] = pool.name;
    document["version"] = pool.version;
    document["adapter"] = options.adapter ? Json(*options.adapter) : Json();
    document["profiles"] = users.profiles;
    document["names"] = users.names;
    print(document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return 0;
  }
  std::string text = message(users.profiles, users.profiles == 1 ? " profile\n" : " profiles\n");
  for (const std::string& name : users.names) text += printable(name) + "\n";
  print(text);
  return 0;
}

int run_verify(Context& context) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const std::vector<Damage> damages = store.verify();
  if (context.options.json) {
    Json document;
    document["ok"] = damages.empty();
    document["damages"] = damage_json(damages);
    print_json(document);
  } else {
    print(damage_text(damages, "no damage: the registry and every object it names are intact\n"));
  }
  return damage_status(damages);
}

}  // namespace

void add_pool(Command app, Context& context) {
  const Command group = app.add_group("pool", "Pools of adapters");
  group.footer("Examples:\n  pema pool ls\n  pema pool show demo --version 1\n  pema pool verify");

  const Command ls = group.add("ls", "List pools and their versions");
  ls.footer("Examples:\n  pema pool ls\n  pema pool ls --json | jq '.pools[].name'");
  ls.runs(context, [&context] { return run_ls(context); });

  auto options = std::make_shared<PoolOptions>();
  const Command show = group.add("show", "Show one version of a pool");
  show.option("NAME", options->name, "Name of the pool").required();
  show.option("--version", options->version, "Which version (default: the newest)").positive();
  show.footer("Examples:\n  pema pool show demo\n  pema pool show demo --version 1 --json");
  show.runs(context, [&context, options] { return run_show(context, *options); });

  auto users = std::make_shared<UserOptions>();
  const Command uses = group.add("users", "Show who uses a pool, or one adapter of it");
  uses.option("NAME", users->pool.name, "Name of the pool").required();
  uses.option("--version", users->pool.version, "Which version (default: the newest)").positive();
  uses.option("--adapter", users->adapter, "Only masks that select this adapter").non_negative();
  uses.option("--after", users->after, "Begin the names after this one");
  uses.option("--limit", users->limit, "At most so many names").positive().shows_default();
  uses.footer(
      "Whom it would change if the pool or the adapter went.\n\nExamples:\n  pema pool users demo\n"
      "  pema pool users demo --adapter 17 --limit 20 --json");
  uses.runs(context, [&context, users] { return run_users(context, *users); });

  add_pool_upkeep(group, context);

  const Command verify =
      group.add("verify", "Hash every object of the store again and check the registry");
  verify.footer(
      "Ends with status 6 when something is damaged, and says what to do.\n\nExamples:\n"
      "  pema pool verify\n  pema pool verify --store /backup/pema-store --json");
  verify.runs(context, [&context] { return run_verify(context); });
}

}  // namespace pema::tools
