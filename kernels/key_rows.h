/// Recall keys as they are stored, one at a time as float32.
#pragma once

#include <cstdint>

#include "pema/number_type.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// Keys [n, d] in one of three types. What counts is the decoded key, in float32. Views; whoever
/// makes one keeps the memory. Thread-safety: immutable.
class KeyRows {
 public:
  /// Keys of an int8 block lie as in KeyCodes.
  static constexpr std::int64_t kBlock = 32;

  KeyRows() = default;
  explicit KeyRows(MatrixView<const float> keys)
      : type_(NumberType::kFloat32),
        rows_(keys.rows),
        cols_(keys.cols),
        stride_(keys.stride),
        values_(keys.data) {}
  /// float16, to the nearest.
  explicit KeyRows(MatrixView<const std::uint16_t> keys)
      : type_(NumberType::kFloat16),
        rows_(keys.rows),
        cols_(keys.cols),
        stride_(keys.stride),
        values_(keys.data) {}
  /// Key i is scales[i] times its numbers, each product rounded once. blocks [ceil(n / kBlock),
  /// ceil(d / 2), kBlock, 2], scales [n].
  KeyRows(std::int64_t rows, std::int64_t cols, const std::int8_t* blocks, const float* scales)
      : type_(NumberType::kInt8), rows_(rows), cols_(cols), values_(blocks), scales_(scales) {}

  [[nodiscard]] NumberType type() const noexcept { return type_; }
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] const std::int8_t* blocks() const noexcept {
    return static_cast<const std::int8_t*>(values_);
  }
  [[nodiscard]] const float* scales() const noexcept { return scales_; }

  /// Key `index` [d]: where it lies, or decoded into `buffer` [d].
  [[nodiscard]] const float* row(std::int64_t index, float* buffer) const noexcept;

 private:
  NumberType type_ = NumberType::kFloat32;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t stride_ = 0;
  const void* values_ = nullptr;
  const float* scales_ = nullptr;
};

}  // namespace pema::kernels
