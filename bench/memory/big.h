/// What memory_big_bench measures: an index over far more keys than may be in memory.
#pragma once

#include <cstdint>
#include <string>

#include "bench/memory/claims.h"

namespace pema::bench {

/// Writes the collection's segments to `folder`, one file a profile, keys in int8, named by number
/// and digest; those that are there already are left. Nothing is synced: who loses power makes them
/// again.
[[nodiscard]] Json make_segments(const Collection& collection, const std::string& folder);

/// Opens the segments of `folder` and builds the index under `budget` bytes into
/// `folder`/index: seconds, bytes, and the highest resident set of it all.
[[nodiscard]] Json build_big_index(const std::string& folder, std::int64_t budget,
                                   std::int64_t bytes_per_key);

/// Calls of 64 rows at every selectivity through the index in `folder`, `calls` of each; recall of
/// the first of them against an exact scan; the highest resident set of it all.
[[nodiscard]] Json search_big_index(RealKeys& real, const Collection& collection,
                                    const std::string& folder, std::int64_t budget, double wanted,
                                    std::int64_t calls);

}  // namespace pema::bench
