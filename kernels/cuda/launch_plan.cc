#include "kernels/cuda/launch_plan.h"

#include <algorithm>

#include "pema/error.h"

namespace pema::kernels::cuda {

std::vector<RowTile> row_tiles(std::span<const std::int32_t> begin) {
  std::vector<RowTile> tiles;
  for (std::size_t g = 0; g + 1 < begin.size(); ++g) {
    PEMA_CHECK(begin[g] <= begin[g + 1], kInvalidArgument, "row_tiles: group ", g, " begins at ",
               begin[g], " and ends at ", begin[g + 1]);
    for (std::int32_t first = begin[g]; first < begin[g + 1]; first += kRowsPerTile) {
      tiles.push_back(
          {static_cast<std::int32_t>(g), first, std::min(kRowsPerTile, begin[g + 1] - first)});
    }
  }
  return tiles;
}

}  // namespace pema::kernels::cuda
