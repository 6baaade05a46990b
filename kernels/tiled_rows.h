/// A pool kept tile by tile for summing chosen rows at the memory's speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/large_pages.h"
#include "kernels/parallel.h"
#include "pema/number_type.h"

namespace pema::kernels {

/// M [rows, cols] in a number type. A tile holds the same few columns of all rows next to each
/// other, so that the rows of one tile lie in different sets of the cache and follow one another in
/// memory; the columns behind `cols` are zero. In int8 all of M has one grid: M = step q with q in
/// [-127, 127]. A piece of bfloat16 consists of 32-bit words, one of int8 of 16-bit words: word j
/// has column j in its lower half, in int8 plus 128, and column j of the second half of the piece
/// in its upper half, so that one read serves two columns and taking them apart costs little.
/// Moved, not copied. Thread-safety: immutable once made.
class TiledRows {
 public:
  TiledRows() = default;
  /// Row i is scale[i] times rows[i] [cols], rounded to `type`; an empty `scale` means 1. Throws
  /// kInvalidArgument when there are fewer scales than rows, or a product is not finite or does not
  /// fit into float16, naming row and column.
  TiledRows(std::span<const float* const> rows, std::span<const float> scale, std::int64_t cols,
            NumberType type, ThreadPool& pool);

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] NumberType type() const noexcept { return type_; }
  /// Of int8: the largest magnitude / 127, also of all-zero rows (0); otherwise 1.
  [[nodiscard]] float step() const noexcept { return step_; }
  [[nodiscard]] std::int64_t tiles() const noexcept { return tiles_; }
  [[nodiscard]] const std::byte* tile(std::int64_t index) const noexcept {
    return values_.get() + index * rows_ * piece_bytes(type_);
  }
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes(rows_, cols_, type_); }
  /// Of a matrix before it is made.
  [[nodiscard]] static std::int64_t bytes(std::int64_t rows, std::int64_t cols, NumberType type);

  /// Columns of a tile: 32, in int8 64.
  [[nodiscard]] static std::int64_t tile_cols(NumberType type) noexcept {
    return type == NumberType::kInt8 ? 64 : 32;
  }
  /// Bytes of a row's piece of a tile: one cache line, in float32 two.
  [[nodiscard]] static std::int64_t piece_bytes(NumberType type) noexcept {
    return tile_cols(type) * bytes_of(type);
  }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t tiles_ = 0;
  NumberType type_ = NumberType::kFloat32;
  float step_ = 1;
  LargePages values_;  // [tiles, rows, columns of a tile]
};

/// One sum: out[c] = sum_e weights[e] M[rows[e]][c].
struct TiledSum {
  std::span<const std::int32_t> rows;  ///< [entries], each in [0, M.rows())
  std::span<const float> weights;      ///< [entries], finite
  float* out = nullptr;                ///< [cols], written
};

/// Every sum over all columns, split over the tiles by `pool`. Equal weights (a hard mask):
/// float types add the entries to two sums in turns, in float32, and multiply once at the end; int8
/// adds integers, exactly, and multiplies once by weight * step. Other weights: one multiply-add
/// per entry, fused where there is such an instruction, in float32 for all types, in two sums. A
/// sum's bits depend on the matrix and on its own rows, weights and their order, not on the other
/// sums, the threads or, apart from fused or not, the processor. Errors: kernels/README.md. Throws
/// kInvalidArgument when rows and weights differ in length, a row is outside the matrix or a weight
/// is not finite, naming it. Thread-safety: reentrant apart from `pool`.
void sum_tiled_rows(const TiledRows& matrix, std::span<const TiledSum> sums, ThreadPool& pool);

}  // namespace pema::kernels
