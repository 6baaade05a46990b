/// The most promising keys of lists of product codes, for a batch of rows, each with its own
/// visible segments.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/list_search.h"
#include "kernels/parallel.h"
#include "kernels/product_lists.h"

namespace pema::kernels {

/// A key that a first look found.
struct ListedKey {
  float distance = 0;      ///< about |x - y|^2; may be below 0
  std::int64_t place = 0;  ///< in the lists
};

/// What a first look did.
struct FirstLookCounts {
  std::int64_t visited = 0;  ///< blocks of lists that were searched, times rows
  std::int64_t looked_at =
      0;  ///< those of them whose codes were read: something in them is visible
};

/// For every row the `shortlist` visible keys of its `probes` nearest lists whose codes are
/// nearest, nearest first; of equal distances the lower place first. A row's right to a key is
/// looked at here and nowhere else. Results of a row depend on nothing but the row, the lists and
/// the processor. Unchecked. Thread-safety: reentrant apart from `pool`.
[[nodiscard]] std::vector<std::vector<ListedKey>> shortlists(const ProductLists& lists,
                                                             std::span<const ListRow> rows,
                                                             ThreadPool& pool,
                                                             FirstLookCounts* counts = nullptr);

/// Squared distances of `query` [d] to the centroids [lists].
[[nodiscard]] std::vector<float> list_distances(const ProductLists& lists, const float* query);

}  // namespace pema::kernels
