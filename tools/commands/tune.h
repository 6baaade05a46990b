/// `pema tune`: measures what the planner goes by on this machine.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_tune(Command app, Context& context);

}  // namespace pema::tools
