/// `pema eval`: measures methods on people's newest texts.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_eval(CLI::App& app, Context& context);

}  // namespace pema::tools
