/// Recall for a batch with an index: each row by the way that costs it least.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/memory/search.h"
#include "src/memory/segment_index.h"

namespace pema::memory {

/// What a caller wants of a search.
struct RecallOptions {
  /// The share of the true nearest that is to be found on average, in (0, 1]. At 1, the default,
  /// every search is exact, and an index only makes it faster.
  double wanted_recall = 1;
};

/// Rows that see fewer keys are searched exactly whatever they want.
inline constexpr std::int64_t kAlwaysExact = 20'000;

/// How one row is searched.
struct SearchPlan {
  bool with_index = false;
  std::int64_t probes = 0;     ///< lists of the index
  std::int64_t shortlist = 0;  ///< of an index by product codes: distances that are computed
  double scan_cost = 0;        ///< of the row's own segments; in codes read by a scan
  double index_cost = 0;       ///< infinity where no index serves
};

/// Whether there are rows with so many keys in an index of so many lists for which plan_search may
/// choose the index.
[[nodiscard]] bool index_may_pay(std::int64_t indexed, std::int64_t lists);

/// Depends on nothing but its arguments. `indexed`: keys that the row sees and the index holds;
/// `index` may be null.
/// `count`: the neighbours wanted.
[[nodiscard]] SearchPlan plan_search(const SegmentIndex* index, std::int64_t indexed,
                                     std::int64_t rest, const RecallOptions& options,
                                     std::int64_t count = 32);

/// As search(rows, pool): segments that `index` does not hold are scanned and merged, and a row
/// for which the index brings nothing is scanned altogether. Keys are read from the rows' own
/// segments, so that an index needs none. With wanted_recall 1 the neighbours
/// are those of search(rows, pool), bit for bit; below 1 a row still depends on nothing but itself,
/// the index and the options. Throws as search; kInvalidArgument on a recall outside (0, 1],
/// kCorrupt where the index says that a row's segment has another number of keys.
[[nodiscard]] std::vector<std::vector<Neighbour>> search(std::span<const SearchRow> rows,
                                                         kernels::ThreadPool& pool,
                                                         const SegmentIndex* index,
                                                         const RecallOptions& options);

}  // namespace pema::memory
