/// `pema doctor`: says what is missing on this machine and how to get it.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_doctor(Command app, Context& context);

}  // namespace pema::tools
