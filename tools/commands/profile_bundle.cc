#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "pema/digest.h"
#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

struct ExportOptions {
  std::string name;
  std::string path;
  bool without_segments = false;
  bool force = false;
};

struct ImportOptions {
  std::string path;
  std::string rename;
  bool replace = false;
};

int run_export(Context& context, const ExportOptions& options) {
  const Store& store = context.store(OpenMode::kReadOnly);
  (void)require_profile(store, options.name);
  PEMA_CHECK(options.force || ::access(options.path.c_str(), F_OK) != 0, kAlreadyExists,
             "the file ", options.path, " exists; give another name or --force");
  store.export_profile(options.name, options.path, !options.without_segments);
  if (store.encrypted()) {
    context.note(
        "the bundle " + options.path +
        " is NOT encrypted: whoever has it reads everything; keep or delete it accordingly");
  }
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(options.path));
  const Digest digest = sha256_file(options.path);
  if (context.options.json) {
    Json document;
    document["name"] = options.name;
    document["path"] = options.path;
    document["bytes"] = bytes;
    document["sha256"] = digest.hex();
    print_json(document);
  } else {
    print(message("wrote ", options.path, ", ", format_bytes(bytes), ", SHA-256 ", digest.hex(),
                  "\n"));
  }
  return 0;
}

int run_import(Context& context, const ImportOptions& options) {
  Store& store = context.store();
  const ProfileRecord profile = store.import_profile(
      options.path, options.rename, options.replace ? OnExisting::kReplace : OnExisting::kRefuse);
  if (context.options.json) {
    print_json(profile_json(store, profile));
  } else {
    print(profile_text(store, profile));
  }
  return 0;
}

}  // namespace

void add_profile_bundle(Command group, Context& context) {
  auto out = std::make_shared<ExportOptions>();
  const Command export_command =
      group.add("export", "Write a profile and all it needs as one file");
  export_command.option("NAME", out->name, "Name of the profile").required();
  export_command.option("FILE", out->path, "File to write").required();
  export_command.flag("--no-segments", out->without_segments,
                      "Leave the memory segments out; the profile then reads none elsewhere");
  export_command.flag("--force", out->force, "Replace FILE when it exists");
  export_command.footer(
      "Examples:\n  pema profile export alice alice.pema\n"
      "  pema profile export alice alice.pema --no-segments --force --json");
  export_command.runs(context, [&context, out] { return run_export(context, *out); });

  auto in = std::make_shared<ImportOptions>();
  const Command import_command = group.add("import", "Read a profile that export wrote");
  import_command.option("FILE", in->path, "File to read").required();
  import_command.option("--as", in->rename, "Store it under another name");
  import_command.flag("--replace", in->replace, "Replace a profile that has the name");
  import_command.footer(
      "A bundle for a base model that this store does not have is refused; `pema init --model "
      "FILE`\n"
      "registers one.\n\nExamples:\n  pema profile import alice.pema\n"
      "  pema profile import alice.pema --as alice-2 --store /srv/pema\n"
      "  pema profile import alice.pema --replace --json");
  import_command.runs(context, [&context, in] { return run_import(context, *in); });
}

}  // namespace pema::tools
