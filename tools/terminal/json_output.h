/// JSON on standard output.
#pragma once

#include <nlohmann/json.hpp>

namespace pema::tools {

/// Keys keep the order in which they were added.
using Json = nlohmann::ordered_json;

/// Prints one document, indented by two, with a newline. Bytes that are not UTF-8 become U+FFFD.
/// Throws as print.
void print_json(const Json& document);

}  // namespace pema::tools
