/// `pema memory add`: text to a segment.
#pragma once

#include "pema/store.h"
#include "tools/terminal/json_output.h"

namespace pema::tools {

class Command;
class Context;

/// Adds the command to the group `memory`.
void add_memory_add(Command group, Context& context);

/// A segment as docs/cli.md describes it.
[[nodiscard]] Json segment_json(const SegmentRecord& segment);

}  // namespace pema::tools
