/// Somebody else's threads, for an engine that lives beside a runtime with a team of its own.
#pragma once

#include <cstdint>
#include <functional>

namespace pema {

/// Calls part(i) once for every i in [0, parts), on any threads, and returns when all are done.
/// `part` does not throw. Empty: no such threads.
using Executor =
    std::function<void(std::int64_t parts, const std::function<void(std::int64_t)>& part)>;

}  // namespace pema
