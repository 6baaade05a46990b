/// `pema memory index`: builds, lists, shows and removes indexes over segments.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the group to `memory`.
void add_memory_index(Command memory, Context& context);

}  // namespace pema::tools
