/// `pema plan`: what fits a memory budget, before anything loads.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_plan(Command app, Context& context);

}  // namespace pema::tools
