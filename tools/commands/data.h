/// `pema data`: people's texts as files in LaMP's layout.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_data(CLI::App& app, Context& context);

}  // namespace pema::tools
