/// From a first look at product codes to exact distances, by the keys that segments store.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/list_search.h"
#include "kernels/near_key.h"
#include "kernels/parallel.h"
#include "kernels/product_lists.h"
#include "src/memory/page_allowance.h"

namespace pema::memory {

/// For every row its `count` nearest among the keys that a first look at its nearest lists found
/// most promising (ListRow::shortlist of them), as nearest_in_lists gives them, distances exact.
/// Keys are read from the segments of `seen`, in the order of the files, each once for all rows,
/// within the allowance of mapped pages. A row depends on nothing but itself and the lists.
/// Unchecked.
[[nodiscard]] std::vector<std::vector<kernels::NearKey>> nearest_by_codes(
    const kernels::ProductLists& lists, std::span<const kernels::ListRow> rows,
    const SeenPages& seen, kernels::ThreadPool& pool);

}  // namespace pema::memory
