/// `pema generate`: continues a text, or chats, under a profile.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to `app`.
void add_generate(CLI::App& app, Context& context);

}  // namespace pema::tools
