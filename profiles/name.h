/// Names of profiles, pools and segments.
#pragma once

#include <string_view>

namespace pema::profiles {

/// Throws kInvalidArgument unless `name` has 1 to 255 bytes of valid UTF-8 (no surrogates, no
/// overlong forms) without control characters (below 0x20, 0x7f to 0x9f). `what` is "profile name"
/// or the like. Names never become paths, so "../x" is a name like any other. Thread-safety:
/// reentrant.
void check_name(std::string_view name, std::string_view what);

}  // namespace pema::profiles
