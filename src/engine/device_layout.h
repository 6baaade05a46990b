/// Matrices as a device reads them: rows that start at multiples of 16 bytes, in four types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "kernels/cuda/ops.h"
#include "kernels/half_rows.h"
#include "kernels/int8_rows.h"
#include "pema/adapter.h"
#include "src/engine/device_lists.h"
#include "src/engine/walk.h"

namespace pema::engine {

[[nodiscard]] kernels::cuda::Element element_of(NumberType type) noexcept;

/// Numbers from one row to the next of a table of `cols` columns.
[[nodiscard]] std::int64_t table_stride(std::int64_t cols, NumberType type) noexcept;

/// A table before it is copied to the device. Owns its numbers.
struct HostTable {
  std::variant<std::vector<float>, kernels::HalfMatrix, kernels::Int8Matrix> values;
  std::int64_t row_count = 0;
  std::int64_t cols = 0;
  NumberType type = NumberType::kFloat32;
  std::vector<float> factors;  ///< DeviceTable::factors

  [[nodiscard]] std::span<const std::byte> bytes() const;
  /// The table once its bytes lie at `data`.
  [[nodiscard]] kernels::cuda::DeviceRows rows(const void* data) const;
};

[[nodiscard]] HostTable table_of(std::span<const float* const> rows, std::int64_t cols);
[[nodiscard]] HostTable table_of(MatrixView<const float> rows);
[[nodiscard]] HostTable table_of(kernels::HalfMatrix rows);
[[nodiscard]] HostTable table_of(kernels::Int8Matrix rows);

/// Row i is A_i, or B_i^T times its scale, with every one of its r rows padded to padded_width.
/// Throws kInvalidArgument where float16 cannot hold a number.
[[nodiscard]] HostTable table_of_adapters(const Pool& pool, bool up, NumberType type);

/// Which adapters every group sums on one side, and with what weight; `factors` are the table's.
[[nodiscard]] HostCsr mask_lists(std::span<const Group* const> groups, bool up,
                                 std::span<const float> factors);

}  // namespace pema::engine
