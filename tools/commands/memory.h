/// `pema memory`: makes, lists and shows memory segments.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_memory(Command app, Context& context);

}  // namespace pema::tools
