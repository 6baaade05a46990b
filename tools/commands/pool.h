/// `pema pool`: lists, shows and checks pools.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds `gc` and `retire` to the group `pool`.
void add_pool_upkeep(Command group, Context& context);

/// Adds the command to `app`.
void add_pool(Command app, Context& context);

}  // namespace pema::tools
