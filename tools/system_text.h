/// Lines of the system's own text files.
#pragma once

#include <string>

namespace pema::tools {

/// The value behind the first line of `path` that starts with `key`, separators and quotes
/// stripped; empty when there is none.
[[nodiscard]] std::string system_value(const std::string& path, const std::string& key);

}  // namespace pema::tools
