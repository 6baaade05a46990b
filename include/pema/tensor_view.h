/// Non-owning views of row-major matrices in host memory.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "pema/error.h"

namespace pema {

/// [rows, cols] elements of T, row-major; consecutive rows are `stride` elements apart (stride >=
/// cols). A view never owns: whoever made it keeps the memory alive.
template <typename T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data_in, std::int64_t rows_in, std::int64_t cols_in)
      : data(data_in), rows(rows_in), cols(cols_in), stride(cols_in) {}
  MatrixView(T* data_in, std::int64_t rows_in, std::int64_t cols_in, std::int64_t stride_in)
      : data(data_in), rows(rows_in), cols(cols_in), stride(stride_in) {}
  /// A mutable view turns into a read-only one by itself.
  template <typename U>
  requires(std::is_same_v<const U, T>)
      MatrixView(const MatrixView<U>& other)  // NOLINT(google-explicit-constructor)
      : data(other.data), rows(other.rows), cols(other.cols), stride(other.stride) {}

  [[nodiscard]] T* row(std::int64_t index) const { return data + index * stride; }
  [[nodiscard]] std::span<T> row_span(std::int64_t index) const {
    return {row(index), static_cast<std::size_t>(cols)};
  }
  [[nodiscard]] T& at(std::int64_t r, std::int64_t c) const { return data[r * stride + c]; }
  [[nodiscard]] bool empty() const { return rows == 0 || cols == 0; }
};

/// An owning [rows, cols] matrix, zero-initialised.
template <typename T>
class Matrix {
 public:
  Matrix() = default;
  /// Throws kInvalidArgument on a negative size or a product that overflows.
  Matrix(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols) {
    std::int64_t count = 0;
    PEMA_CHECK(rows >= 0 && cols >= 0 && !__builtin_mul_overflow(rows, cols, &count),
               kInvalidArgument, "a matrix cannot have the shape [", rows, ", ", cols, "]");
    values_.resize(static_cast<std::size_t>(count));
  }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t cols() const { return cols_; }
  [[nodiscard]] T* data() { return values_.data(); }
  [[nodiscard]] const T* data() const { return values_.data(); }
  [[nodiscard]] T* row(std::int64_t index) { return values_.data() + index * cols_; }
  [[nodiscard]] const T* row(std::int64_t index) const { return values_.data() + index * cols_; }
  [[nodiscard]] MatrixView<T> view() { return {values_.data(), rows_, cols_}; }
  [[nodiscard]] MatrixView<const T> view() const { return {values_.data(), rows_, cols_}; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::vector<T> values_;
};

}  // namespace pema
