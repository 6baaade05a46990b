#include "kernels/cuda/mask_search.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/launch.h"

namespace pema::kernels::cuda {
namespace {

void check_table(const DeviceMaskTable& table, const char* name) {
  PEMA_CHECK(table.masks >= 0 && table.words >= 0 && table.masks <= std::int64_t{1} << 39 &&
                 table.words <= std::int64_t{1} << 17,
             kInvalidArgument, name, ": ", table.masks, " masks of ", table.words, " words");
  PEMA_CHECK(table.groups != nullptr || table.masks == 0 || table.words == 0, kInvalidArgument,
             name, ": no table");
}

}  // namespace

void mask_sizes(const DeviceMaskSizes& op, Stream stream) {
  check_table(op.table, "mask_sizes");
  PEMA_CHECK(op.size != nullptr || op.table.masks == 0, kInvalidArgument, "mask_sizes: no output");
  launch(mask_sizes_kernel, mask_sizes_plan(op.table.masks), stream,
         MaskSizes{{op.table.groups, op.table.masks, op.table.words}, op.size});
}

void nearest_by_overlap(const DeviceMaskSearch& op, Stream stream) {
  check_table(op.table, "nearest_by_overlap");
  PEMA_CHECK(op.count >= 0 && op.count <= kMaxNearest, kUnsupported,
             "nearest_by_overlap: ", op.count, " masks; at most ", kMaxNearest, " on the device");
  PEMA_CHECK(op.query_count >= 0, kInvalidArgument, "nearest_by_overlap: ", op.query_count,
             " queries");
  if (op.count == 0 || op.query_count == 0) return;
  PEMA_CHECK((op.queries != nullptr || op.table.words == 0) && op.index != nullptr &&
                 op.overlap != nullptr,
             kInvalidArgument, "nearest_by_overlap: no queries or no output");
  check_workspace(op.workspace, mask_search_workspace(op.table.masks, op.query_count),
                  "nearest_by_overlap");
  const MaskSearch a{{op.table.groups, op.table.masks, op.table.words},
                     op.queries,
                     op.query_count,
                     static_cast<int>(op.count),
                     search_warps(op.table.masks),
                     part<BestKey>(op.workspace, 0),
                     op.index,
                     op.overlap};
  launch(mask_search_kernel, mask_search_plan(op.table.masks, op.query_count), stream, a);
  launch(mask_merge_kernel, mask_merge_plan(op.query_count), stream, a);
}

std::int64_t mask_search_workspace(std::int64_t masks, std::int64_t queries) {
  return queries * search_warps(masks) * kWarp * static_cast<std::int64_t>(sizeof(BestKey));
}

}  // namespace pema::kernels::cuda
