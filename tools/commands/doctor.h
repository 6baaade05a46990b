/// `pema doctor`: says what is missing on this machine and how to get it.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_doctor(CLI::App& app, Context& context);

}  // namespace pema::tools
