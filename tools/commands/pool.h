/// `pema pool`: lists, shows and checks pools.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_pool(CLI::App& app, Context& context);

}  // namespace pema::tools
