#include "tools/commands/store.h"

#include <filesystem>
#include <memory>
#include <string>

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
  std::string folder;
  std::string at;
  std::int64_t rate = 0;
  std::int64_t bytes = 0;
  std::int64_t keep = 0;
  bool full = false;
  bool link = false;
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

Json backup_json(const BackupRecord& backup) {
  Json document;
  document["path"] = backup.path;
  document["time"] = backup.time;
  document["registry_bytes"] = backup.registry_bytes;
  return document;
}

BackupOptions backup_options(Context& context, const StoreArguments& arguments) {
  BackupOptions options;
  options.bytes_per_second = arguments.rate;
  options.link_objects = arguments.link;
  options.keep = arguments.keep;
  options.progress = &context.progress();
  return options;
}

int run_backup(Context& context, const StoreArguments& arguments) {
  const BackupRecord backup = context.store(OpenMode::kReadOnly)
                                  .backup(arguments.folder, backup_options(context, arguments));
  context.end_progress();
  if (context.options.json) {
    Json document = backup_json(backup);
    document["objects"] = backup.objects;
    document["new_objects"] = backup.new_objects;
    document["copied_bytes"] = backup.copied_bytes;
    print_json(document);
  } else {
    print(message("made the backup ", backup.path, ": registry ",
                  format_bytes(backup.registry_bytes), ", ", backup.objects, " objects, ",
                  backup.new_objects, " of them new, ", format_bytes(backup.copied_bytes),
                  " written\n"));
  }
  return 0;
}

int run_backups(Context& context, const StoreArguments& arguments) {
  const std::vector<BackupRecord> backups = list_backups(arguments.folder);
  if (context.options.json) {
    Json document;
    document["backups"] = Json::array();
    for (const BackupRecord& backup : backups) {
      document["backups"].push_back(backup_json(backup));
    }
    print_json(document);
    return 0;
  }
  Table table({"TIME", ">REGISTRY", "PATH"});
  for (const BackupRecord& backup : backups) {
    table.add({backup.time, format_bytes(backup.registry_bytes), printable(backup.path)});
  }
  print(backups.empty() ? "no complete backups; make one with `pema store backup`\n"
                        : table.text());
  return 0;
}

int run_restore(Context& context, const StoreArguments& arguments) {
  const bool one = std::filesystem::exists(arguments.folder + "/registry.db");
  const std::string path =
      one ? arguments.folder : find_backup(arguments.folder, arguments.at).path;
  restore_backup(path, context.options.store, backup_options(context, arguments));
  context.end_progress();
  if (context.options.json) {
    Json document;
    document["store"] = context.options.store;
    document["backup"] = path;
    print_json(document);
  } else {
    print(message("restored ", path, " into ", context.options.store, "\n"));
  }
  return 0;
}

void add_rate(const Command& command, const std::shared_ptr<StoreArguments>& arguments) {
  command
      .parsed_option(
          "--rate", [arguments](const std::string& text) { arguments->rate = parse_bytes(text); },
          "Bytes a second at most (20M, 1G; default: as fast as it goes)")
      .called("SIZE");
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
  add_rate(scrub, arguments);
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

void add_backups(const Command& group, Context& context,
                 const std::shared_ptr<StoreArguments>& arguments) {
  const Command backup = group.add("backup", "Copy the store, as it is now, while it is used");
  backup.option("DIR", arguments->folder, "Folder of backups").required();
  add_rate(backup, arguments);
  backup.flag("--link", arguments->link,
              "Objects may share the store's own files (same file system; damage is shared too)");
  backup.option("--keep", arguments->keep, "Delete older backups beyond so many").positive();
  backup.footer(
      "Each backup is a complete store, named by its time in UTC; what an earlier one has is not\n"
      "copied again. A backup that was cut short is never listed, and the next one goes on with "
      "it.\n"
      "\nExamples:\n  pema store backup /backup/pema --rate 50M\n"
      "  pema store backup /backup/pema --keep 14 --json");
  backup.runs(context, [&context, arguments] { return run_backup(context, *arguments); });

  const Command list = group.add("backups", "List the complete backups of a folder");
  list.option("DIR", arguments->folder, "Folder of backups").required();
  list.footer("Examples:\n  pema store backups /backup/pema");
  list.runs(context, [&context, arguments] { return run_backups(context, *arguments); });

  const Command restore = group.add("restore", "Make a store from a backup");
  restore.option("DIR", arguments->folder, "Folder of backups, or one backup").required();
  restore
      .option("--at", arguments->at,
              "The newest backup of this time or before, UTC (default: the newest)")
      .called("TIME");
  add_rate(restore, arguments);
  restore.footer(
      "The store (--store) must not exist yet: move the old one away first.\n\nExamples:\n"
      "  pema store restore /backup/pema --store ./restored\n"
      "  pema store restore /backup/pema --at 2026-11-27T03:15 --store ./restored");
  restore.runs(context, [&context, arguments] { return run_restore(context, *arguments); });
}

}  // namespace

void add_store(Command app, Context& context) {
  const Command group = app.add_group("store", "Check, back up and restore the whole store");
  group.footer(
      "Examples:\n  pema store verify --full\n  pema store backup /backup/pema --rate 50M\n"
      "  pema store restore /backup/pema --at 2026-11-27 --store ./restored");
  const auto arguments = std::make_shared<StoreArguments>();
  add_checks(group, context, arguments);
  add_backups(group, context, arguments);
}

}  // namespace pema::tools
