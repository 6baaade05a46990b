/// `pema pool`: lists, shows and checks pools.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_pool(Command app, Context& context);

}  // namespace pema::tools
