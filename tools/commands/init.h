/// `pema init`: makes a store and registers the base model.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_init(CLI::App& app, Context& context);

}  // namespace pema::tools
