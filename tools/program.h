/// What the programs `pema` and `pema-train` share: global options, errors as exit codes, signals.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the program's commands to `app`. Two definitions, one per program: commands_basic.cc
/// (`pema`) and commands_train.cc (`pema-train`).
void register_commands(Command app, Context& context);

/// Adds the commands that both programs have.
void add_basic_commands(Command app, Context& context);

/// Parses the command line, runs the chosen command and returns the process's exit status
/// (docs/cli.md). Never throws. Changes the process: signal handlers, descriptors 0 to 2 are opened
/// when they were closed.
[[nodiscard]] int run_program(int argc, char** argv, void (*add_commands)(Command, Context&));

}  // namespace pema::tools
