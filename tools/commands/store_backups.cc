#include <memory>
#include <string>

#include "pema/backup.h"
#include "pema/error.h"
#include "tools/command_line.h"
#include "tools/commands/store.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

/// Arguments of all the commands; each uses its own.
struct BackupArguments {
  std::string folder;
  std::string at;
  std::string forgotten;
  std::int64_t rate = 0;
  std::int64_t keep = 0;
  bool link = false;
};

Json backup_json(const BackupRecord& backup) {
  Json document;
  document["path"] = backup.path;
  document["time"] = backup.time;
  document["registry_bytes"] = backup.registry_bytes;
  return document;
}

BackupOptions backup_options(Context& context, const BackupArguments& arguments) {
  BackupOptions options;
  options.bytes_per_second = arguments.rate;
  options.link_objects = arguments.link;
  options.keep = arguments.keep;
  options.progress = &context.progress();
  return options;
}

int run_backup(Context& context, const BackupArguments& arguments) {
  const BackupRecord backup = context.store(OpenMode::kReadOnly)
                                  .backup(arguments.folder, backup_options(context, arguments));
  context.end_progress();
  if (!backup.unnoted.empty()) context.note(backup.unnoted);
  if (context.options.json) {
    Json document = backup_json(backup);
    document["objects"] = backup.objects;
    document["new_objects"] = backup.new_objects;
    document["copied_bytes"] = backup.copied_bytes;
    document["noted"] = backup.unnoted.empty();
    print_json(document);
  } else {
    print(message("made the backup ", backup.path, ": registry ",
                  format_bytes(backup.registry_bytes), ", ", backup.objects, " objects, ",
                  backup.new_objects, " of them new, ", format_bytes(backup.copied_bytes),
                  " written\n"));
  }
  return 0;
}

int run_list(Context& context, const std::string& folder) {
  const std::vector<BackupRecord> backups = list_backups(folder);
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

int run_folders(Context& context) {
  const std::vector<BackupFolder> folders = context.store(OpenMode::kReadOnly).backup_folders();
  if (context.options.json) {
    Json document;
    document["folders"] = Json::array();
    for (const BackupFolder& folder : folders) {
      Json row;
      row["path"] = folder.path;
      row["newest"] = folder.newest.empty() ? Json() : Json(folder.newest);
      row["backups"] = folder.backups;
      row["reachable"] = is_reachable(folder);
      document["folders"].push_back(std::move(row));
    }
    print_json(document);
    return 0;
  }
  Table table({"NEWEST", ">BACKUPS", "REACHABLE", "FOLDER"});
  for (const BackupFolder& folder : folders) {
    table.add({folder.newest.empty() ? "-" : folder.newest, std::to_string(folder.backups),
               is_reachable(folder) ? "yes" : "no", printable(folder.path)});
  }
  print(folders.empty() ? "the store knows of no backups; make one with `pema store backup`\n"
                        : table.text());
  return 0;
}

int run_forget(Context& context, const std::string& folder) {
  PEMA_CHECK(context.store().forget_backup_folder(folder), kNotFound, printable(folder),
             ": is not a folder of backups that the store knows; list them with `pema store "
             "backups`");
  if (context.options.json) {
    Json document;
    document["forgotten"] = folder;
    print_json(document);
  } else {
    print(message("receipts of erasures look for ", printable(folder), " no more\n"));
  }
  return 0;
}

int run_restore(Context& context, const BackupArguments& arguments) {
  const bool one = Store::exists(arguments.folder);
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

void add_list(const Command& group, Context& context,
              const std::shared_ptr<BackupArguments>& arguments) {
  const Command list =
      group.add("backups", "List the backups of a folder, or the folders that the store knows");
  const Argument folder =
      list.option("DIR", arguments->folder,
                  "Folder of backups (default: list where backups of the store were made)");
  const Argument forget =
      list.option("--forget", arguments->forgotten,
                  "Look no more for a folder whose backups are gone for good; touches no file");
  forget.called("DIR").excludes(folder);
  list.footer(
      "The store knows the folders that `pema store backup` wrote to; a receipt of an erasure "
      "says\n"
      "for each backup there whether the person is in it, and for a folder that is away or empty\n"
      "that nobody could look. A restored store knows those of the store that it "
      "was.\n\nExamples:\n"
      "  pema store backups\n  pema store backups /backup/pema\n"
      "  pema store backups --forget /mnt/old-disk/pema");
  list.runs(context, [&context, arguments, folder, forget] {
    if (forget.given()) return run_forget(context, arguments->forgotten);
    return folder.given() ? run_list(context, arguments->folder) : run_folders(context);
  });
}

}  // namespace

void add_rate(const Command& command, std::int64_t& rate) {
  command
      .parsed_option(
          "--rate", [&rate](const std::string& text) { rate = parse_bytes(text); },
          "Bytes a second at most (20M, 1G; default: as fast as it goes)")
      .called("SIZE");
}

void add_store_backups(const Command& group, Context& context) {
  const auto arguments = std::make_shared<BackupArguments>();
  const Command backup = group.add("backup", "Copy the store, as it is now, while it is used");
  backup.option("DIR", arguments->folder, "Folder of backups").required();
  add_rate(backup, arguments->rate);
  backup.flag("--link", arguments->link,
              "Objects may share the store's own files (same file system; damage is shared too)");
  backup.option("--keep", arguments->keep, "Delete older backups beyond so many").positive();
  backup.footer(
      "Each backup is a complete store, named by its time in UTC; what an earlier one has is not\n"
      "copied again. A backup that was cut short is never listed, and the next one goes on with "
      "it.\n"
      "The store notes the folder, so that `pema profile rm --erase` looks there (`pema store\n"
      "backups`). Where the store's files cannot be written the backup is made without, and says "
      "so.\n"
      "\nExamples:\n  pema store backup /backup/pema --rate 50M\n"
      "  pema store backup /backup/pema --keep 14 --json");
  backup.runs(context, [&context, arguments] { return run_backup(context, *arguments); });

  add_list(group, context, arguments);

  const Command restore = group.add("restore", "Make a store from a backup");
  restore.option("DIR", arguments->folder, "Folder of backups, or one backup").required();
  restore
      .option("--at", arguments->at,
              "The newest backup of this time or before, UTC (default: the newest)")
      .called("TIME");
  add_rate(restore, arguments->rate);
  restore.footer(
      "The store (--store) must not exist yet: move the old one away first.\n\nExamples:\n"
      "  pema store restore /backup/pema --store ./restored\n"
      "  pema store restore /backup/pema --at 2026-11-27T03:15 --store ./restored");
  restore.runs(context, [&context, arguments] { return run_restore(context, *arguments); });
}

}  // namespace pema::tools
