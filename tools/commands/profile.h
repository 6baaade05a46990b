/// `pema profile`: lists, shows, sets, removes, exports and imports profiles.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_profile(Command app, Context& context);

}  // namespace pema::tools
