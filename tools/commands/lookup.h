/// Finding named things in a store, or saying what there is instead.
#pragma once

#include <cstdint>
#include <string>

#include "pema/store.h"

namespace pema::tools {

/// The pool, its newest version when `version` is 0. Throws kNotFound, naming the pools there are.
[[nodiscard]] PoolRecord require_pool(const Store& store, const std::string& name,
                                      std::int64_t version);

/// The profile. Throws kNotFound, naming `pema profile ls`.
[[nodiscard]] ProfileRecord require_profile(const Store& store, const std::string& name);

/// The segment with that name, or whose digest begins with it (at least 6 hexadecimal characters).
/// Throws kNotFound, or kInvalidArgument when several begin so.
[[nodiscard]] SegmentRecord require_segment(const Store& store, const std::string& name);

}  // namespace pema::tools
