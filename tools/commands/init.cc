#include "tools/commands/init.h"

#include <memory>
#include <string>

#include "pema/error.h"
#include "pema/master_key.h"
#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(Running it again on a store that exists registers the model there and changes nothing else.

Examples:
  pema init
  pema store key new /etc/pema.key && pema init --encrypt --key-file /etc/pema.key
  pema init --store /srv/pema --model models/SmolLM2-135M-Instruct.Q4_1.gguf
  pema init --store /mnt/pema --registry postgresql://pema@db.example/pema)";

struct InitOptions {
  bool encrypt = false;
  std::string registry;
};

int run_init(Context& context, const InitOptions& options) {
  // The model first: a wrong path must not leave an empty store behind.
  const ModelInfo& info = context.gguf().info;
  PEMA_CHECK(!options.encrypt || context.key() != nullptr, kInvalidArgument,
             "--encrypt needs a master key; make one with `pema store key new FILE` and name it "
             "with --key-file");
  const bool created = !Store::exists(context.options.store);
  PEMA_CHECK(options.registry.empty() || !options.encrypt, kInvalidArgument,
             "tables in PostgreSQL are not encrypted by pema; leave out --encrypt, or --registry");
  if (created) context.options.registry = options.registry;
  Store& store = context.store(created ? OpenMode::kCreate : OpenMode::kReadWrite);
  if (options.encrypt && !store.encrypted()) store.encrypt();
  const ModelRecord record = context.register_model();
  if (context.options.json) {
    Json document;
    document["store"] = store.folder();
    document["created"] = created;
    document["encrypted"] = store.encrypted();
    document["model"] = {{"name", info.name},
                         {"fingerprint", info.fingerprint.hex()},
                         {"architecture", info.architecture},
                         {"hidden", info.hidden},
                         {"vocab", info.vocab},
                         {"path", record.path}};
    print_json(document);
    return 0;
  }
  print(message(created ? "made the store " : "found the store ", store.folder(), "\nmodel ",
                info.name, " (", info.architecture, ", d = ", info.hidden, ", V = ", info.vocab,
                "), fingerprint ", info.fingerprint.short_hex(), "\nfrom ", record.path,
                store.encrypted() ? "\nwhat is a person's in it is encrypted\n" : "\n"));
  return 0;
}

}  // namespace

void add_init(Command app, Context& context) {
  const Command command = app.add("init", "Make a store and register the base model");
  command.footer(kFooter);
  auto options = std::make_shared<InitOptions>();
  command.flag("--encrypt", options->encrypt,
               "Encrypt names, masks, schedules and own segments (needs --key-file or PEMA_KEY)");
  command
      .option("--registry", options->registry,
              "Keep the tables in this PostgreSQL database instead of a file; objects stay in the "
              "folder, which every machine mounts (no password in it: PGPASSWORD, ~/.pgpass)")
      .called("URL");
  command.runs(context, [&context, options] { return run_init(context, *options); });
}

}  // namespace pema::tools
