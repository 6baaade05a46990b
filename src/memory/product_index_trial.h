/// How much of an index by product codes must be searched for a wanted recall.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/parallel.h"
#include "pema/progress.h"

namespace pema::memory {

class SegmentIndex;
struct IndexMeasure;

/// Fills `measures` [kProductShares, kRecallLevels] by searching with keys of the index as queries,
/// each without itself, and comparing with a scan of all segments. list_of: of every key, numbered
/// from first [segments + 1] on, its list. Throws kInterrupted.
void measure_product(const SegmentIndex& index, std::vector<IndexMeasure>& measures,
                     std::span<const std::int32_t> list_of, std::span<const std::int64_t> first,
                     kernels::ThreadPool& pool, Progress* progress);

}  // namespace pema::memory
