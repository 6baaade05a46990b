/// `pema memory forget` and `pema memory merge`: shared segments that lose entries, and lists that
/// become short again.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the commands to the group `memory`.
void add_memory_forget(Command group, Context& context);
void add_memory_merge(Command group, Context& context);

}  // namespace pema::tools
