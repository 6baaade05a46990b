/// Recall for a batch: one call, every row in the segments that it may see.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/parallel.h"
#include "pema/memory.h"

namespace pema::memory {

/// One row of a search.
struct SearchRow {
  std::span<const std::shared_ptr<const Segment>> segments;
  std::span<const float> query;  ///< [d], a recall key
  std::int64_t k = 0;
};

/// What `recall` gives for each row, keys of segments that several rows see being read once for up
/// to 8 of them. Throws as `recall`, naming the row. Thread-safety: reentrant apart from `pool`.
[[nodiscard]] std::vector<std::vector<Neighbour>> search(std::span<const SearchRow> rows,
                                                         kernels::ThreadPool& pool);

}  // namespace pema::memory
