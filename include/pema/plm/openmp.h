/// The threads that llama.cpp computes with.
#pragma once

#include "pema/executor.h"

namespace pema::plm {

/// Parts run on the calling thread's OpenMP team. Where ggml uses OpenMP too, that is the team of
/// the decodes on this thread: it spins for some milliseconds after each, so that an engine step
/// starts at once, and other threads would have to take the cores from it. Empty when built without
/// OpenMP, or for ThreadSanitizer, which does not see its barriers. Thread-safety: reentrant.
[[nodiscard]] Executor openmp_executor();

}  // namespace pema::plm
