/// `pema profile`: lists, shows, sets, removes, exports and imports profiles.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_profile(CLI::App& app, Context& context);

}  // namespace pema::tools
