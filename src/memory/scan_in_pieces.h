/// An exact search of segments of which only a part is mapped into memory at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/memory/search.h"

namespace pema::memory {

/// The places of search_places(rows, pool), bit for bit, while at most `bytes` of the segments'
/// files, or one segment where that is larger, stay mapped; nothing of them is when it returns.
/// Keys in float32 and float16 are read as they are, without codes of them in memory. Throws as
/// `search`.
[[nodiscard]] std::vector<std::vector<kernels::NearKey>> scan_in_pieces(
    std::span<const SearchRow> rows, kernels::ThreadPool& pool, std::int64_t bytes);

}  // namespace pema::memory
