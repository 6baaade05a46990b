/// What a command took away, for people or as JSON.
#pragma once

#include "tools/context.h"
#include "tools/terminal/json_output.h"

namespace pema::tools {

/// Prints {"removed": [names]}, or how many there were of what is called `one` or `many`.
void print_removed(const Context& context, const Json& names, const char* one, const char* many);

}  // namespace pema::tools
