#include <unistd.h>

#include <memory>
#include <string>

#include "pema/operating.h"
#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

struct PackOptions {
  std::string path;
  ProfileSelection selection;
  bool all = false;
  std::string pool;
  std::int64_t version = 0;
  bool without_segments = false;
  bool force = false;
};

struct UnpackOptions {
  std::string path;
  bool replace = false;
};

void print_sums(const Context& context, const char* done, const std::string& path,
                const SelectionSums& sums) {
  if (context.options.json) {
    Json document;
    document["path"] = path;
    document["profiles"] = sums.profiles;
    document["objects"] = sums.objects;
    document["bytes"] = sums.bytes;
    document["digest"] = sums.digest.hex();
    print_json(document);
    return;
  }
  print(message(done, path, ": ", sums.profiles, sums.profiles == 1 ? " profile" : " profiles",
                ", ", sums.objects, sums.objects == 1 ? " object" : " objects", ", ",
                format_bytes(sums.bytes), ", digest ", sums.digest.hex(), "\n"));
}

int run_pack(Context& context, PackOptions options) {
  const Store& store = context.store(OpenMode::kReadOnly);
  ProfileSelection& selection = options.selection;
  const bool by_rule = !selection.prefix.empty() || !options.pool.empty();
  const int ways = (selection.names.empty() ? 0 : 1) + (by_rule ? 1 : 0) + (options.all ? 1 : 0);
  PEMA_CHECK(ways == 1, kInvalidArgument,
             "say whom to pack: names, --prefix and --pool, or --all, and only one of these");
  PEMA_CHECK(options.force || ::access(options.path.c_str(), F_OK) != 0, kAlreadyExists,
             "the file ", options.path, " exists; give another name or --force");
  if (!options.pool.empty()) {
    selection.pool = require_pool(store, options.pool, options.version).id;
  }
  selection.with_segments = !options.without_segments;
  const SelectionSums sums = store.export_profiles(selection, options.path);
  if (store.encrypted()) {
    context.note("the file " + options.path +
                 " is NOT encrypted: whoever has it reads everything; keep or delete it "
                 "accordingly");
  }
  print_sums(context, "wrote ", options.path, sums);
  return 0;
}

int run_unpack(Context& context, const UnpackOptions& options) {
  const SelectionSums sums = context.store().import_profiles(
      options.path, options.replace ? OnExisting::kReplace : OnExisting::kRefuse);
  print_sums(context, "stored ", options.path, sums);
  return 0;
}

}  // namespace

void add_profile_pack(Command group, Context& context) {
  auto out = std::make_shared<PackOptions>();
  const Command pack = group.add("pack", "Write many profiles and all they need as one file");
  pack.option("FILE", out->path, "File to write").required();
  pack.option("NAMES", out->selection.names, "Names of the profiles");
  pack.option("--prefix", out->selection.prefix, "All whose name begins so");
  const Argument pool = pack.option("--pool", out->pool, "Only those with masks over this pool");
  pack.option("--version", out->version, "Which version of it (default: the newest)")
      .positive()
      .needs(pool);
  pack.flag("--all", out->all, "Everybody");
  pack.flag("--no-segments", out->without_segments,
            "Leave the memory segments out; the profiles then read none elsewhere");
  pack.flag("--force", out->force, "Replace FILE when it exists");
  pack.footer(
      "Pools and segments are in it once, whoever needs them. The digest at its end covers every\n"
      "byte.\n\nExamples:\n  pema profile pack acme.pema --prefix acme/\n"
      "  pema profile pack two.pema alice bob\n  pema profile pack all.pema --all --json");
  pack.runs(context, [&context, out] { return run_pack(context, *out); });

  auto in = std::make_shared<UnpackOptions>();
  const Command unpack = group.add("unpack", "Read a file that pack wrote");
  unpack.option("FILE", in->path, "File to read").required();
  unpack.flag("--replace", in->replace, "Replace profiles that have the names");
  unpack.footer(
      "All or nothing: a damaged file, a name that is taken or a tenant's limit, and nothing is\n"
      "stored.\n\nExamples:\n  pema profile unpack acme.pema --store /srv/pema\n"
      "  pema profile unpack acme.pema --replace --json");
  unpack.runs(context, [&context, in] { return run_unpack(context, *in); });
}

}  // namespace pema::tools
