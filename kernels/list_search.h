/// Nearest keys in lists around centroids, for a batch of rows, each with its own visible segments.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kernels/key_search.h"
#include "kernels/list_codes.h"
#include "kernels/parallel.h"

namespace pema::kernels {

/// One row of a search.
struct ListRow {
  const float* query = nullptr;  ///< [d], as the keys before they were rotated
  /// [segments]: where a segment stands among those of this row, -1 where it may not see it.
  std::span<const std::int32_t> place;
  std::int64_t count = 0;      ///< k >= 1
  std::int64_t probes = 0;     ///< nearest lists that are searched, at least 1; all of them: exact
  std::int64_t shortlist = 0;  ///< of product codes: candidates that are looked at exactly
};

/// The key `row` of `segment` as it was before it was rotated [d]; `buffer` [d] may hold it. Called
/// from many threads.
using KeyReader =
    std::function<const float*(std::int32_t segment, std::int32_t row, float* buffer)>;

/// What a search did.
struct ListSearchCounts {
  std::int64_t looked_at = 0;  ///< blocks times rows
  std::int64_t computed = 0;   ///< distances from keys
};

/// For every row the `count` nearest visible keys of its `probes` nearest lists, nearest first; of
/// equal distances the lower (place, row) first. Within these lists exact: bounds from int8 codes
/// and from the triangle inequality only spare what cannot matter. Results of a row depend on
/// nothing but the row and the lists. Unchecked. Thread-safety: reentrant apart from `pool`.
[[nodiscard]] std::vector<std::vector<NearKey>> nearest_in_lists(
    const ListCodes& lists, std::span<const ListRow> rows, const KeyReader& read, ThreadPool& pool,
    ListSearchCounts* counts = nullptr);

/// Of every list, how many lists are nearer to `query` [d], before it was rotated.
[[nodiscard]] std::vector<std::int32_t> list_ranks(const ListCodes& lists, const float* query);

}  // namespace pema::kernels
