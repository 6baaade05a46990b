
#include "tools/command_line.h"
#include "tools/commands/demo.h"
#include "tools/commands/eval.h"
#include "tools/commands/pool_train.h"
#include "tools/commands/profile_enrol.h"
#include "tools/program.h"

namespace pema::tools {

void register_commands(Command app, Context& context) {
  add_basic_commands(app, context);
  add_pool_train(app.find("pool"), context);
  add_profile_enrol(app.find("profile"), context);
  add_eval(app, context);
  add_demo(app, context);
}

}  // namespace pema::tools
