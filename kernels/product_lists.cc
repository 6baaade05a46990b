#include "kernels/product_lists.h"

namespace pema::kernels {

void sum_product_table(const std::uint8_t* block, const std::uint8_t* table, std::int64_t parts,
                       std::uint16_t* sums) {
  constexpr std::int64_t kKeys = ProductLists::kBlock;
  if (sum_product_table_vbmi(block, table, parts, sums)) return;
  for (std::int64_t key = 0; key < kKeys; ++key) sums[key] = 0;
  for (std::int64_t p = 0; p < parts; ++p) {
    const std::uint8_t* const values = table + p * ProductSpace::kCentroids;
    for (std::int64_t key = 0; key < kKeys; ++key) {
      sums[key] = static_cast<std::uint16_t>(sums[key] + values[block[p * kKeys + key]]);
    }
  }
}

}  // namespace pema::kernels
