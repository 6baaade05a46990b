/// A matrix in float16 or bfloat16, row after row, and sums of chosen rows of it: the projected
/// pool U at half of its float32 bytes.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/large_pages.h"
#include "kernels/parallel.h"
#include "pema/number_type.h"

namespace pema::kernels {

/// [rows, cols] of a 16-bit type. Rows lie a multiple of 64 numbers apart. Moved, not copied.
/// Thread-safety: like a std::vector.
class HalfMatrix {
 public:
  HalfMatrix() = default;
  /// `type` must be kFloat16 or kBFloat16; throws kInvalidArgument on another or a negative size.
  HalfMatrix(std::int64_t rows, std::int64_t cols, NumberType type);

  /// Row `row` from values [cols], each rounded to the nearest. Throws kInvalidArgument where one
  /// is not finite or does not fit the type, naming row, column and value.
  void round(std::int64_t row, const float* values);

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] NumberType type() const noexcept { return type_; }
  [[nodiscard]] const std::uint16_t* row(std::int64_t index) const noexcept {
    return reinterpret_cast<const std::uint16_t*>(values_.get()) + index * stride_;
  }
  [[nodiscard]] std::int64_t bytes() const noexcept { return rows_ * stride_ * 2; }

  /// All numbers, [rows, stride]; those behind `cols` must stay zero.
  [[nodiscard]] std::span<std::uint16_t> values() noexcept {
    return {reinterpret_cast<std::uint16_t*>(values_.get()),
            static_cast<std::size_t>(rows_ * stride_)};
  }
  [[nodiscard]] std::span<const std::uint16_t> values() const noexcept {
    return {row(0), static_cast<std::size_t>(rows_ * stride_)};
  }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t stride_ = 0;
  NumberType type_ = NumberType::kFloat16;
  LargePages values_;  // [rows, stride]
};

/// One sum: out[c] += sum_e weights[e] M[rows[e]][c].
struct HalfSum {
  std::span<const std::int32_t> rows;  ///< [entries], each in [0, M.rows())
  std::span<const float> weights;      ///< [entries]
  float* out = nullptr;                ///< [cols], already holding what is added to
};

/// Every sum over all columns, split over the columns by `pool`, in float32: exactly what the
/// float32 form (kernels/weighted_sum.h) gives for the rounded rows. Throws kInvalidArgument when
/// rows and weights differ in length or a row is outside the matrix, naming it. Thread-safety:
/// reentrant apart from `pool`.
void add_weighted_rows(const HalfMatrix& matrix, std::span<const HalfSum> sums, ThreadPool& pool);

/// Columns [first, last) of one sum; `first` is a multiple of 64, `last` one or cols. Unchecked.
/// Thread-safety: reentrant, serial.
void add_half_rows(const HalfMatrix& matrix, const HalfSum& sum, std::int64_t first,
                   std::int64_t last);

}  // namespace pema::kernels
