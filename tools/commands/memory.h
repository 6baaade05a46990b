/// `pema memory`: makes, lists and shows memory segments.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_memory(CLI::App& app, Context& context);

}  // namespace pema::tools
