#include <CLI/CLI.hpp>

#include "tools/commands/demo.h"
#include "tools/commands/eval.h"
#include "tools/commands/pool_train.h"
#include "tools/commands/profile_enrol.h"
#include "tools/program.h"

namespace pema::tools {

void register_commands(CLI::App& app, Context& context) {
  add_basic_commands(app, context);
  add_pool_train(*app.get_subcommand("pool"), context);
  add_profile_enrol(*app.get_subcommand("profile"), context);
  add_eval(app, context);
  add_demo(app, context);
}

}  // namespace pema::tools
