/// `pema demo`: the whole walk on this machine's own texts, with a report.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_demo(CLI::App& app, Context& context);

}  // namespace pema::tools
