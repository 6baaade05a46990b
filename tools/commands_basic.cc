#include "tools/command_line.h"
#include "tools/program.h"
#include "tools/training_commands.h"

namespace pema::tools {

void register_commands(Command app, Context& context) {
  add_basic_commands(app, context);
  add_training_forwarders(app, context);
}

}  // namespace pema::tools
