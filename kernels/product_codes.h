/// Product-quantised recall keys: distances from a table of the query against the codebook, one
/// look-up per part of a key (Jegou, Douze, Schmid: Product Quantization for Nearest Neighbor
/// Search, 2011).
#pragma once

#include <cstdint>

namespace pema::kernels {

/// What codes mean: part p of a key, its dimensions from p width on (of the rotated key where there
/// is a rotation), is one of 256 centroids. The last part may reach beyond d, where keys, queries
/// and centroids are zero. Where there are errors, one code more says which of them is nearest to
/// the squared distance of the key and its centroids; every distance to the key is less by it, so
/// that a query equal to the key is at distance 0 and not at the quantiser's loss. For an offset of
/// the query from the key that has nothing to do with that loss the difference is without bias (the
/// opposite of the correction of Jegou, Douze, Schmid 2011, section III.B, which holds for queries
/// that know only the key's cell). Views.
struct ProductSpace {
  static constexpr std::int64_t kCentroids = 256;

  std::int64_t cols = 0;             ///< d of keys and queries
  std::int64_t parts = 0;            ///< m, without the code of the error
  std::int64_t width = 0;            ///< dimensions of a part; (m - 1) width < d <= m width
  const float* centroids = nullptr;  ///< [m, width, 256]
  /// [d, d], orthogonal, or null: row c is what dimension c of a vector becomes.
  const float* rotation = nullptr;
  const float* errors = nullptr;  ///< [256], or null: no code for it

  /// Codes, and bytes, of a key.
  [[nodiscard]] std::int64_t bytes() const noexcept { return parts + (errors != nullptr ? 1 : 0); }
  [[nodiscard]] std::int64_t table_size() const noexcept { return bytes() * kCentroids; }
  [[nodiscard]] float at(std::int64_t dimension, std::uint8_t code) const noexcept {
    return centroids[dimension * kCentroids + code];
  }
};

/// Keys [n] of b = space->bytes() codes, in blocks of kBlock keys, [blocks, b, kBlock]; what is
/// behind the last key is zero. Views.
struct ProductCodes {
  static constexpr std::int64_t kBlock = 32;

  const ProductSpace* space = nullptr;
  std::int64_t rows = 0;
  const std::uint8_t* codes = nullptr;

  /// Code of part `part` of key `row`.
  [[nodiscard]] std::uint8_t code(std::int64_t row, std::int64_t part) const noexcept {
    return codes[(row / kBlock * space->bytes() + part) * kBlock + row % kBlock];
  }
  /// The key [d] that the codes of key `row` stand for: its parts' centroids, rotated back.
  /// Distances to it are larger than those of product_distances by the error that its last code
  /// says.
  void decode(std::int64_t row, float* key) const;
};

/// table[p][j] = squared L2 distance of part p of the query x [d] to its centroid j, or, behind the
/// last part, less than nothing by error j; table [bytes, 256]. Each is summed in the order of the
/// dimensions. Thread-safety: reentrant, serial. Unchecked.
void make_product_table(const ProductSpace& space, const float* query, float* table);

/// Squared L2 distances of a query to the keys of block `index`, at least 0 and at most 4: out[i] =
/// sum_p table[p][code_p of key i], in the order of p; those behind the last key are unspecified.
/// Thread-safety: reentrant, serial. Unchecked.
void product_distances(const ProductCodes& keys, std::int64_t index, const float* table,
                       float* out);

/// The codes of the nearest centroids to a key x [d], and of the nearest error; of equally near
/// ones the lower; code [bytes]. The same on every processor. Thread-safety: reentrant, serial.
/// Unchecked.
void encode_product(const ProductSpace& space, const float* key, std::uint8_t* code);

}  // namespace pema::kernels
