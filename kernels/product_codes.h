/// Product-quantised recall keys: distances from a table of the query against the codebook, one
/// look-up per part of a key (Jegou, Douze, Schmid: Product Quantization for Nearest Neighbor
/// Search, 2011).
#pragma once

#include <cstdint>

namespace pema::kernels {

/// What codes mean: part p of a key, its dimensions from p width on, is one of 256 centroids. The
/// last part may reach beyond d, where keys, queries and centroids are zero. Views.
struct ProductSpace {
  static constexpr std::int64_t kCentroids = 256;

  std::int64_t cols = 0;             ///< d of keys and queries
  std::int64_t parts = 0;            ///< m
  std::int64_t width = 0;            ///< dimensions of a part; (m - 1) width < d <= m width
  const float* centroids = nullptr;  ///< [m, width, 256]

  [[nodiscard]] std::int64_t table_size() const noexcept { return parts * kCentroids; }
  [[nodiscard]] float at(std::int64_t dimension, std::uint8_t code) const noexcept {
    return centroids[dimension * kCentroids + code];
  }
};

/// Keys [n] of m codes, in blocks of kBlock keys, [blocks, m, kBlock]; what is behind the last key
/// is zero. Views.
struct ProductCodes {
  static constexpr std::int64_t kBlock = 32;

  const ProductSpace* space = nullptr;
  std::int64_t rows = 0;
  const std::uint8_t* codes = nullptr;

  /// Code of part `part` of key `row`.
  [[nodiscard]] std::uint8_t code(std::int64_t row, std::int64_t part) const noexcept {
    return codes[(row / kBlock * space->parts + part) * kBlock + row % kBlock];
  }
  /// The key [d] that the codes of key `row` stand for, which is the one that counts.
  void decode(std::int64_t row, float* key) const noexcept;
};

/// table[p][j] = squared L2 distance of part p of the query x [d] to its centroid j; table [m,
/// 256]. Each is summed in the order of the dimensions. Thread-safety: reentrant, serial.
/// Unchecked.
void make_product_table(const ProductSpace& space, const float* query, float* table);

/// Squared L2 distances of a query to the keys of block `index`, at most 4: out[i] = sum_p
/// table[p][code_p of key i], summed in the order of p; those behind the last key are unspecified.
/// Thread-safety: reentrant, serial. Unchecked.
void product_distances(const ProductCodes& keys, std::int64_t index, const float* table,
                       float* out);

/// The codes of the nearest centroids to a key x [d], of equal distances the lower; code [m]. The
/// same on every processor. Thread-safety: reentrant, serial. Unchecked.
void encode_product(const ProductSpace& space, const float* key, std::uint8_t* code);

}  // namespace pema::kernels
