#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pema/operating.h"
#include "tools/command_line.h"
#include "tools/commands/receipt_print.h"
#include "tools/commands/store.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"
#include "tools/terminal/time_text.h"

namespace pema::tools {
namespace {

Json tenant_json(const TenantRecord& tenant) {
  const auto limit = [](const std::optional<std::int64_t>& value) {
    return value ? Json(*value) : Json();
  };
  Json document;
  document["name"] = tenant.name;
  document["profiles"] = tenant.profiles;
  document["most_profiles"] = limit(tenant.limits.profiles);
  document["bytes"] = tenant.bytes;
  document["most_bytes"] = limit(tenant.limits.bytes);
  document["retention_seconds"] = limit(tenant.limits.retention_seconds);
  return document;
}

std::string tenants_text(const std::vector<TenantRecord>& tenants) {
  Table table({"TENANT", ">PROFILES", ">AT MOST", ">BYTES", ">AT MOST", ">KEPT FOR"});
  for (const TenantRecord& tenant : tenants) {
    const TenantLimits& limits = tenant.limits;
    table.add({printable(tenant.name), std::to_string(tenant.profiles),
               limits.profiles ? std::to_string(*limits.profiles) : "-", format_bytes(tenant.bytes),
               limits.bytes ? format_bytes(*limits.bytes) : "-",
               limits.retention_seconds ? format_period(*limits.retention_seconds) : "-"});
  }
  return table.text();
}

int run_list(Context& context) {
  const std::vector<TenantRecord> tenants = context.store(OpenMode::kReadOnly).tenants();
  if (context.options.json) {
    Json document;
    document["tenants"] = Json::array();
    for (const TenantRecord& tenant : tenants) document["tenants"].push_back(tenant_json(tenant));
    print_json(document);
  } else {
    print(tenants.empty() ? "no tenant has limits; set them with `pema store tenant set`\n"
                          : tenants_text(tenants));
  }
  return 0;
}

struct TenantOptions {
  std::string name;
  TenantLimits limits;
};

/// Limits that are not given stay as they are.
int run_set(Context& context, const TenantOptions& options) {
  Store& store = context.store();
  TenantLimits limits = options.limits;
  PEMA_CHECK(limits != TenantLimits{}, kInvalidArgument,
             "give a limit: --profiles, --bytes or --retention");
  for (const TenantRecord& tenant : store.tenants()) {
    if (tenant.name != options.name) continue;
    if (!limits.profiles) limits.profiles = tenant.limits.profiles;
    if (!limits.bytes) limits.bytes = tenant.limits.bytes;
    if (!limits.retention_seconds) limits.retention_seconds = tenant.limits.retention_seconds;
  }
  const TenantRecord tenant = store.set_tenant(options.name, limits);
  if (context.options.json) {
    print_json(tenant_json(tenant));
  } else {
    print(tenants_text({tenant}));
  }
  return 0;
}

int run_remove(Context& context, const std::string& name) {
  Store& store = context.store();
  const std::vector<TenantRecord> tenants = store.tenants();
  const bool there = std::any_of(tenants.begin(), tenants.end(),
                                 [&](const TenantRecord& tenant) { return tenant.name == name; });
  PEMA_CHECK(there, kNotFound, "tenant '", printable(name),
             "' has no limits; `pema store tenant ls` lists those that have");
  static_cast<void>(store.set_tenant(name, {}));
  if (context.options.json) {
    Json document;
    document["removed"] = Json::array({name});
    print_json(document);
  } else {
    print(message("tenant ", printable(name), " has no limits any more\n"));
  }
  return 0;
}

int run_expire(Context& context, ExpiryOptions options) {
  const OpenMode mode = options.dry_run ? OpenMode::kReadOnly : OpenMode::kReadWrite;
  options.progress = &context.progress();
  const ExpiryReport report = context.store(mode).expire(options);
  context.end_progress();
  const bool complete =
      std::all_of(report.receipts.begin(), report.receipts.end(),
                  [](const ErasureReceipt& receipt) { return receipt.complete(); });
  if (context.options.json) {
    Json document;
    document["dry_run"] = options.dry_run;
    document["due"] = report.due;
    document["erased"] = report.receipts.size();
    document["complete"] = complete;
    document["names"] = report.names;
    document["receipts"] = Json::array();
    for (const ErasureReceipt& receipt : report.receipts) {
      document["receipts"].push_back(receipt_json(receipt));
    }
    print_json(document);
  } else if (options.dry_run) {
    std::string text =
        message(report.due, report.due == 1 ? " profile is" : " profiles are", " due\n");
    for (const std::string& name : report.names) text += printable(name) + "\n";
    print(text);
  } else {
    std::string text;
    for (const ErasureReceipt& receipt : report.receipts) {
      if (!receipt.complete()) text += receipt_text(receipt);
    }
    print(text + message("erased ", report.receipts.size(), " of ", report.due, " that were due",
                         complete ? "" : "; something is left, or may be: see the notes above",
                         "\n"));
  }
  return complete ? 0 : exit_code(ErrorCode::kBusy);
}

void add_tenant(const Command& group, Context& context) {
  const Command tenant = group.add_group("tenant", "Limits of tenants");
  tenant.footer(
      "A profile is of the tenant whose name precedes the first slash of its own: acme/ada is\n"
      "acme's.\n\nExamples:\n  pema store tenant set acme --profiles 100000 --bytes 20G\n"
      "  pema store tenant set acme --retention 365d\n  pema store tenant ls");
  const Command list = tenant.add("ls", "List tenants that have limits, and what they have");
  list.footer("Examples:\n  pema store tenant ls --json");
  list.runs(context, [&context] { return run_list(context); });

  auto options = std::make_shared<TenantOptions>();
  const Command set = tenant.add("set", "Set limits of a tenant");
  set.option("NAME", options->name, "Name of the tenant").required();
  set.option("--profiles", options->limits.profiles, "At most so many profiles").non_negative();
  set.parsed_option(
         "--bytes",
         [options](const std::string& text) { options->limits.bytes = parse_bytes(text); },
         "At most so many bytes of own segments (20G)")
      .called("SIZE");
  set.parsed_option(
         "--retention",
         [options](const std::string& text) {
           options->limits.retention_seconds = parse_period(text);
         },
         "New profiles are kept for so long (365d)")
      .called("PERIOD");
  set.footer(
      "Limits that are not given stay. Less than the tenant has is allowed: it cannot grow then.\n"
      "Setting a limit counts what the tenant has by reading its profiles once.\n\nExamples:\n"
      "  pema store tenant set acme --profiles 100000 --retention 365d");
  set.runs(context, [&context, options] { return run_set(context, *options); });

  const Command rm = tenant.add("rm", "Take a tenant's limits away; its profiles stay");
  rm.option("NAME", options->name, "Name of the tenant").required();
  rm.footer("Examples:\n  pema store tenant rm acme");
  rm.runs(context, [&context, options] { return run_remove(context, options->name); });
}

}  // namespace

void add_store_tenants(Command group, Context& context) {
  add_tenant(group, context);
  auto options = std::make_shared<ExpiryOptions>();
  const Command expire = group.add("expire", "Erase the people whose retention period is over");
  expire.flag("--dry-run", options->dry_run, "Only say who would be erased");
  expire.option("--limit", options->limit, "At most so many people").positive().shows_default();
  expire
      .option(
          "--backups", options->erasure.backups,
          "Folder of backups to look for them in beside those that the store knows (repeatable)")
      .called("DIR");
  expire.footer(
      "Each is erased as `pema profile rm --erase` does, with a receipt in --json. The status is "
      "9\n"
      "when something of somebody is left, or a backup cannot be looked at.\n\nExamples:\n  pema "
      "store expire --dry-run\n"
      "  pema store expire --backups /backup/pema --json");
  expire.runs(context, [&context, options] { return run_expire(context, *options); });
}

}  // namespace pema::tools
