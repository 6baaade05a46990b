/// `pema init`: makes a store and registers the base model.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_init(Command app, Context& context);

}  // namespace pema::tools
