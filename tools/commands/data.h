/// `pema data`: people's texts as files in LaMP's layout.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_data(Command app, Context& context);

}  // namespace pema::tools
