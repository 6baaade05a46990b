#include "tools/commands/store.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "pema/audit.h"
#include "pema/backup.h"
#include "tools/command_line.h"
#include "tools/commands/damage_list.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

/// Arguments of all the group's commands; each uses its own.
struct StoreArguments {
  std::int64_t rate = 0;
  std::int64_t bytes = 0;
  std::string noted;
  bool full = false;
  bool check = false;
};

int run_verify(Context& context, const StoreArguments& arguments) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const VerifyDepth depth = arguments.full ? VerifyDepth::kFull : VerifyDepth::kQuick;
  const std::vector<Damage> damages = store.verify(depth);
  if (context.options.json) {
    Json document;
    document["ok"] = damages.empty();
    document["depth"] = arguments.full ? "full" : "quick";
    document["damages"] = damage_json(damages);
    print_json(document);
  } else {
    print(damage_text(
        damages, arguments.full ? "no damage: every row, reference, index and object is intact\n"
                                : "no damage found: rows, references and sizes are intact (--full "
                                  "reads every object)\n"));
  }
  return damage_status(damages);
}

int run_scrub(Context& context, const StoreArguments& arguments) {
  ScrubOptions options;
  options.bytes_per_second = arguments.rate;
  options.bytes = arguments.bytes;
  options.progress = &context.progress();
  const ScrubReport report = context.store().scrub(options);
  context.end_progress();
  if (context.options.json) {
    Json document;
    document["ok"] = report.damages.empty();
    document["complete"] = report.complete;
    document["objects"] = report.objects;
    document["bytes"] = report.bytes;
    document["unnamed"] = report.unnamed;
    document["damages"] = damage_json(report.damages);
    print_json(document);
  } else {
    print(damage_text(report.damages, ""));
    print(message("read ", report.objects, " objects, ", format_bytes(report.bytes), "; ",
                  report.complete ? "the round is complete" : "the next call goes on there",
                  report.unnamed > 0 ? message(", ", report.unnamed, " unnamed files deleted") : "",
                  "\n"));
  }
  return damage_status(report.damages);
}

Json event_json(const AuditEvent& event) {
  Json document;
  document["sequence"] = event.sequence;
  document["milliseconds"] = event.milliseconds;
  document["kind"] = to_string(event.kind);
  document["role"] = to_string(event.role);
  document["count"] = event.count;
  document["hash"] = event.hash.hex();
  return document;
}

int run_audit(Context& context) {
  constexpr std::int64_t kPage = 1000;
  const Store& store = context.store(OpenMode::kReadOnly);
  Json rows = Json::array();
  Table table({">EVENT", ">MILLISECONDS", "WHAT", "ROLE", ">COUNT", "HASH"});
  std::int64_t after = 0;
  for (std::vector<AuditEvent> page; !(page = store.audit(after, kPage)).empty();
       after = page.back().sequence) {
    for (const AuditEvent& event : page) {
      if (context.options.json) {
        rows.push_back(event_json(event));
      } else {
        table.add({std::to_string(event.sequence), std::to_string(event.milliseconds),
                   std::string(to_string(event.kind)), std::string(to_string(event.role)),
                   std::to_string(event.count), event.hash.hex()});
      }
    }
  }
  if (context.options.json) {
    Json document;
    document["events"] = std::move(rows);
    print_json(document);
  } else {
    print(after == 0 ? "no events\n" : table.text());
  }
  return 0;
}

/// "17:<64 hex>" as `audit --verify` prints it.
AuditHead parse_head(const std::string& text) {
  if (text.empty()) return {};
  const std::size_t colon = text.find(':');
  AuditHead head;
  const char* const end = text.data() + std::min(colon, text.size());
  const auto read = std::from_chars(text.data(), end, head.sequence);
  PEMA_CHECK(
      colon != std::string::npos && read.ec == std::errc() && read.ptr == end && head.sequence > 0,
      kInvalidArgument,
      "--noted takes EVENT:HASH as `pema store audit --verify` printed it, "
      "not '",
      printable(text), "'");
  head.hash = Digest::parse(std::string_view(text).substr(colon + 1));
  return head;
}

int run_audit_check(Context& context, const StoreArguments& arguments) {
  const AuditReport report =
      context.store(OpenMode::kReadOnly).verify_audit(parse_head(arguments.noted));
  const std::string head = message(report.head.sequence, ":", report.head.hash.hex());
  if (context.options.json) {
    Json document;
    document["ok"] = report.damages.empty();
    document["head"] = head;
    document["damages"] = damage_json(report.damages);
    print_json(document);
  } else {
    print(damage_text(report.damages, "the audit log is whole\n"));
    print("note elsewhere: " + head + "\n");
  }
  return damage_status(report.damages);
}

void add_checks(const Command& group, Context& context,
                const std::shared_ptr<StoreArguments>& arguments) {
  const Command verify = group.add("verify", "Check rows, references and the sizes of objects");
  verify.flag("--full", arguments->full, "Also every index and every byte of every object");
  verify.footer(
      "Ends with status 6 when something is damaged, and says what to do.\n\nExamples:\n"
      "  pema store verify\n  pema store verify --full --store /backup/2026-11-27T03-15-22.123Z");
  verify.runs(context, [&context, arguments] { return run_verify(context, *arguments); });

  const Command scrub = group.add("scrub", "Read every object once, slowly, going on where it was");
  add_rate(scrub, arguments->rate);
  scrub
      .parsed_option(
          "--bytes", [arguments](const std::string& text) { arguments->bytes = parse_bytes(text); },
          "Stop after so many bytes (default: at the end of the round)")
      .called("SIZE");
  scrub.footer(
      "Files that no row names, left by killed writers, are deleted at the end of a round. Ctrl-C\n"
      "keeps the place. Ends with status 6 when something is damaged.\n\nExamples:\n"
      "  pema store scrub --rate 20M\n  pema store scrub --bytes 10G --json");
  scrub.runs(context, [&context, arguments] { return run_scrub(context, *arguments); });
}

void add_audit(const Command& group, Context& context,
               const std::shared_ptr<StoreArguments>& arguments) {
  const Command audit = group.add("audit", "Print what happened to the store, without names");
  const Argument check = audit.flag("--verify", arguments->check,
                                    "Compare every hash instead, and print the last one");
  audit.option("--noted", arguments->noted, "A last event that was noted before")
      .called("EVENT:HASH")
      .needs(check);
  audit.footer(
      "A log that was changed or cut short ends with status 6. Only a last event noted elsewhere\n"
      "shows that somebody wrote the whole log anew.\n\nExamples:\n  pema store audit --json\n"
      "  pema store audit --verify --noted 17:5e88...");
  audit.runs(context, [&context, arguments] {
    return arguments->check ? run_audit_check(context, *arguments) : run_audit(context);
  });
}

}  // namespace

void add_store(Command app, Context& context) {
  const Command group = app.add_group("store", "Check, back up and restore the whole store");
  group.footer(
      "Examples:\n  pema store verify --full\n  pema store backup /backup/pema --rate 50M\n"
      "  pema store restore /backup/pema --at 2026-11-27 --store ./restored");
  const auto arguments = std::make_shared<StoreArguments>();
  add_checks(group, context, arguments);
  add_audit(group, context, arguments);
  add_store_key(group, context);
  add_store_backups(group, context);
  add_store_copy(group, context);
  add_store_tenants(group, context);
}

}  // namespace pema::tools
