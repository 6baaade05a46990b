/// `pema explain`: how a profile would be computed, and why.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_explain(Command app, Context& context);

}  // namespace pema::tools
