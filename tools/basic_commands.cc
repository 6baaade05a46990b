#include "tools/command_line.h"
#include "tools/commands/data.h"
#include "tools/commands/doctor.h"
#include "tools/commands/explain.h"
#include "tools/commands/generate.h"
#include "tools/commands/init.h"
#include "tools/commands/memory.h"
#include "tools/commands/plan.h"
#include "tools/commands/pool.h"
#include "tools/commands/profile.h"
#include "tools/commands/store.h"
#include "tools/commands/tune.h"
#include "tools/program.h"

namespace pema::tools {

void add_basic_commands(Command app, Context& context) {
  add_init(app, context);
  add_data(app, context);
  add_pool(app, context);
  add_memory(app, context);
  add_profile(app, context);
  add_store(app, context);
  add_generate(app, context);
  add_explain(app, context);
  add_plan(app, context);
  add_tune(app, context);
  add_doctor(app, context);
}

}  // namespace pema::tools
