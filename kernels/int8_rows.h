/// A matrix in int8, and exact sums of chosen rows of it: the projected pool U at a quarter of its
/// float32 bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/large_pages.h"
#include "kernels/parallel.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// M[i][c] = scale_i q[i][c] with q in [-127, 127] and scale_i = max_c |M[i][c]| / 127, so that
/// |M - scale q| <= scale_i / 2 everywhere. Rows lie `stride` bytes apart; the bytes behind `cols`
/// are zero. Moved, not copied. Thread-safety: like a std::vector.
class Int8Matrix {
 public:
  /// Columns are worked on in groups of so many; a row is padded to whole groups.
  static constexpr std::int64_t kGroup = 64;

  Int8Matrix() = default;
  Int8Matrix(std::int64_t rows, std::int64_t cols);

  /// Row `row` from values [cols], which must be finite. Unchecked.
  void quantise(std::int64_t row, const float* values);

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] const std::int8_t* row(std::int64_t index) const noexcept {
    return reinterpret_cast<const std::int8_t*>(values_.get()) + index * stride_;
  }
  [[nodiscard]] float scale(std::int64_t row) const noexcept {
    return scales_[static_cast<std::size_t>(row)];
  }
  [[nodiscard]] std::int64_t bytes() const noexcept;

  /// All values, [rows, stride]; those behind `cols` must stay zero.
  [[nodiscard]] std::span<std::int8_t> values() noexcept {
    return {reinterpret_cast<std::int8_t*>(values_.get()),
            static_cast<std::size_t>(rows_ * stride_)};
  }
  [[nodiscard]] std::span<const std::int8_t> values() const noexcept {
    return {row(0), static_cast<std::size_t>(rows_ * stride_)};
  }
  /// One scale per row, >= 0.
  [[nodiscard]] std::span<float> scales() noexcept { return scales_; }
  [[nodiscard]] std::span<const float> scales() const noexcept { return scales_; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t stride_ = 0;
  LargePages values_;          // [rows, stride]
  std::vector<float> scales_;  // [rows]
};

/// One sum: out[c] += sum_e weights[e] M[rows[e]][c].
struct Int8Sum {
  std::span<const std::int32_t> rows;  ///< [entries], each in [0, M.rows())
  std::span<const float> weights;      ///< [entries], finite
  float* out = nullptr;                ///< [cols], already holding what is added to
};

/// Every sum over all columns, split over the columns by `pool`. weights[e] scale_e is rounded to a
/// multiple q_e of the sum's own step t = max(max |w| / 32767, sum |w| / (2^24 - 1 - n/2)), so that
/// the int32 sum of q_e M_q cannot overflow and is exact: the bits of a sum do not depend on the
/// other sums or the threads, and on the processor only by its last rounding, which is fused with
/// the addition to out where there is such an instruction. Error against the float32 matrix: at
/// most sum_e (|w_e| scale_e / 2 + 64 t) and three roundings. Throws kInvalidArgument when rows and
/// weights differ in length, a row is outside the matrix or a weight is not finite, naming it.
/// Thread-safety: reentrant apart from `pool`.
void add_int8_rows(const Int8Matrix& matrix, std::span<const Int8Sum> sums, ThreadPool& pool);

/// Two chosen rows and what they weigh; an odd one out is paired with weight 0.
struct Int8Pair {
  const std::int8_t* first = nullptr;
  const std::int8_t* second = nullptr;
  std::int16_t first_weight = 0;
  std::int16_t second_weight = 0;
};

/// out[c] += step * sum_pairs(...) for columns [first, last), `first` and `last` multiples of
/// kGroup or last = cols. `sums` is scratch [last - first rounded up to kGroup]. Unchecked.
/// Thread-safety: reentrant, serial.
void add_int8_pairs(std::span<const Int8Pair> pairs, float step, std::int64_t first,
                    std::int64_t last, std::int32_t* sums, float* out);

}  // namespace pema::kernels
