#include "tools/commands/init.h"

#include <filesystem>

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
  pema init --store /srv/pema --model models/SmolLM2-135M-Instruct.Q4_1.gguf)";

int run_init(Context& context) {
  // The model first: a wrong path must not leave an empty store behind.
  const ModelInfo& info = context.gguf().info;
  const bool created = !std::filesystem::exists(context.options.store + "/registry.db");
  const Store& store = context.store(created ? OpenMode::kCreate : OpenMode::kReadWrite);
  const ModelRecord record = context.register_model();
  if (context.options.json) {
    Json document;
    document["store"] = store.folder();
    document["created"] = created;
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
                "), fingerprint ", info.fingerprint.short_hex(), "\nfrom ", record.path, "\n"));
  return 0;
}

}  // namespace

void add_init(Command app, Context& context) {
  const Command command = app.add("init", "Make a store and register the base model");
  command.footer(kFooter);
  command.runs(context, [&context] { return run_init(context); });
}

}  // namespace pema::tools
