/// `pema profile enrol`: one person's profile from their texts.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to the group `profile`.
void add_profile_enrol(CLI::App& group, Context& context);

}  // namespace pema::tools
