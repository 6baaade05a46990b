/// SQLite's heap, zeroed as it is freed: pages, rows and bound values leave no copies behind.
#pragma once

#include <cstdint>

namespace pema::profiles::sqlite {

/// Has SQLite, for the whole process, zero each block when it is freed, and keep no pages of its
/// own in reserve. Only the first call does something. Returns false, then and later, when the
/// program had used SQLite before: it is then as it was. Thread-safety: reentrant.
bool use_clean_memory() noexcept;

/// Zeroes the part of this thread's stack that lies below the caller's frame, as far as calls of
/// this library reach: what they kept there stays readable otherwise. Thread-safety: reentrant.
void clear_dead_stack() noexcept;

}  // namespace pema::profiles::sqlite
