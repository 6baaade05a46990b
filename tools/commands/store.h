/// `pema store`: checks a store, backs it up and restores it.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_store(Command app, Context& context);

}  // namespace pema::tools
