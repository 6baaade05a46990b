/// `pema demo`: the whole walk on this machine's own texts, with a report.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_demo(Command app, Context& context);

}  // namespace pema::tools
