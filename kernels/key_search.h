/// Nearest recall keys for a batch of rows, each in the sets that it may see.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/key_codes.h"
#include "kernels/key_rows.h"
#include "kernels/near_key.h"
#include "kernels/parallel.h"
#include "kernels/product_codes.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// Keys [n, d] with their codes, which must have been made from them, or without, which is slower;
/// or product-quantised keys alone.
struct KeySet {
  KeyRows keys;
  const KeyCodes* codes = nullptr;
  const ProductCodes* product = nullptr;

  [[nodiscard]] std::int64_t cols() const noexcept {
    return product != nullptr ? product->space->cols : keys.cols();
  }
  [[nodiscard]] std::int64_t rows() const noexcept {
    return product != nullptr ? product->rows : keys.rows();
  }
  [[nodiscard]] std::int64_t blocks() const noexcept {
    return (rows() + KeyRows::kBlock - 1) / KeyRows::kBlock;
  }
};

/// One row of a search: a query and the sets that it may see, in its own order.
struct KeyQuery {
  const float* query = nullptr;        ///< [d]
  std::span<const std::int32_t> sets;  ///< numbers of key sets, each at most once
  std::int64_t count = 0;              ///< k >= 1
};

/// For every query the min(count, keys it may see) nearest keys, nearest first; of equal distances
/// the lower (place, row) first, whatever the types of their sets. Exact for the decoded keys: the
/// codes only spare distances that cannot matter. Keys that several queries see are read once for
/// up to 8 of them. Results depend on nothing but the query and its sets: not on the other queries
/// or the threads, and, product-quantised keys apart, not on the processor. Throws kInvalidArgument
/// on a count below 1, a set that does not exist, is named twice by a query or has codes of another
/// shape, and queries that are not finite, naming the query. Thread-safety: reentrant apart from
/// `pool`.
[[nodiscard]] std::vector<std::vector<NearKey>> nearest_keys(std::span<const KeySet> sets,
                                                             std::span<const KeyQuery> queries,
                                                             std::int64_t d, ThreadPool& pool);

}  // namespace pema::kernels
