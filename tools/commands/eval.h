/// `pema eval`: measures methods on people's newest texts.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_eval(Command app, Context& context);

}  // namespace pema::tools
