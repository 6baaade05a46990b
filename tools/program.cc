#include "tools/program.h"

#include <cblas.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <string>

#include "pema/error.h"
#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/signals.h"

namespace pema::tools {
namespace {

constexpr int kExitUsage = 2;
constexpr int kExitInternal = 70;
constexpr int kExitPipe = 141;

constexpr const char* kFooter = R"(Examples:
  pema init                                         make a store in ./pema-store
  pema memory add handbook.txt --name handbook      text to a shared memory segment
  pema profile ls                                   who is there
  pema generate --profile alice "Dear colleagues,"  continue a text as alice would
  pema doctor                                       what is missing on this machine

Every command has its own --help. Exit codes and --json keys: docs/cli.md.)";

void add_global_options(Command program, GlobalOptions& options) {
  program.option("--store", options.store, "Folder of the store (default ./pema-store)")
      .called("DIR")
      .from_environment("PEMA_STORE");
  program
      .option("--key-file", options.key_file,
              "Master key of an encrypted store (or PEMA_KEY: the key itself)")
      .called("FILE")
      .from_environment("PEMA_KEY_FILE");
  program
      .option("--model", options.model,
              "Base model, a GGUF file (default: the one that ./dev setup installs)")
      .called("FILE")
      .from_environment("PEMA_MODEL");
  program.flag("--json", options.json, "Print data as one JSON document on standard output");
  program.flag("--quiet", options.quiet, "No progress and no notes on standard error");
  program.option("--threads", options.threads, "Threads to compute with (default: all cores)")
      .called("N")
      .within(1, 1024);
  program
      .option("--durability", options.durability,
              "What a power cut may take: durable nothing (default), fast the last writes")
      .called("MODE")
      .one_of({"durable", "fast"})
      .from_environment("PEMA_DURABILITY");
}

/// One line on standard error and, with --json, the same as an object on standard output.
int report_error(const Context& context, std::string_view code, int status,
                 const std::string& text) {
  print_error("pema: error: " + text + "\n");
  if (context.options.json) {
    Json document;
    document["error"] = {{"code", code}, {"message", text}};
    print_json(document);
  }
  return status;
}

int parse_and_run(CLI::App& app, Context& context) {
  try {
    app.parse(context.argc, context.argv);
  } catch (const CLI::Success& success) {
    app.exit(success, standard_output_stream(), standard_error_stream());
    return 0;
  } catch (const CLI::ParseError& error) {
    return report_error(context, to_string(ErrorCode::kInvalidArgument), kExitUsage,
                        std::string(error.what()) + "; run `pema --help` or add --help to see how");
  }
  if (context.options.threads > 0) {
    openblas_set_num_threads(static_cast<int>(context.options.threads));
  }
  PEMA_ASSERT(context.action);
  return context.action();
}

}  // namespace

int run_program(int argc, char** argv, void (*add_commands)(Command, Context&)) try {
  prepare_descriptors();
  install_signal_handlers();
  Context context(argc, argv);
  try {
    CLI::App app("Personal voices for one frozen language model.", "pema");
    app.fallthrough();
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("pema ") + PEMA_VERSION);
    app.footer(kFooter);
    const Command program(&app);
    add_global_options(program, context.options);
    add_commands(program, context);
    return parse_and_run(app, context);
  } catch (const OutputClosed&) {
    return kExitPipe;
  } catch (const Error& error) {
    return report_error(context, to_string(error.code()), exit_code(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return report_error(context, to_string(ErrorCode::kInternal), kExitInternal,
                        "this machine has not enough memory for it");
  } catch (const std::exception& error) {
    return report_error(context, to_string(ErrorCode::kInternal), kExitInternal,
                        std::string("internal error: ") + error.what() + "; please report it");
  }
} catch (...) {
  // Standard output or the memory to report with is gone: the status is all that is left.
  return kExitInternal;
}

}  // namespace pema::tools
