/// Keys of many segments in lists around centroids, as product codes of their offsets: a first look
/// at tens of bytes a key (Jegou, Douze, Schmid: Product Quantization for Nearest Neighbor Search,
/// 2011, section IV: "non exhaustive search").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/key_lists.h"
#include "kernels/product_codes.h"

namespace pema::kernels {

/// A key y of the list around c is v = R (y - c), R orthogonal; its code stands for v'. For a query
/// x, |R (x - c) - v'|^2 = |x - c|^2 + (|v'|^2 + 2 (R c) v') - 2 (R x) v': the middle is one number
/// a key, and the table of R x serves every list. Within a list keys are ordered by (segment, row);
/// what is behind its last key has segment -1.
struct ProductLists : KeyLists {
  static constexpr std::int64_t kBlock = 64;

  const float* rotation = nullptr;      ///< R [d, d]
  ProductSpace space;                   ///< of rotated offsets
  std::span<const float> squares;       ///< [lists] |c|^2
  std::span<const std::uint8_t> codes;  ///< [blocks, m, kBlock]
  std::span<const float> terms;         ///< [blocks, kBlock] |v'|^2 + 2 (R c) v'

  [[nodiscard]] std::int64_t block_bytes() const noexcept { return space.parts * kBlock; }
};

/// A query's products with the centroids of every part, in bytes: -2 <part p of R x, centroid j> is
/// near least_p + step values[p, j], least the sum of the least_p. A sum over all parts is off by
/// at most m step / 2, and by far less as a rule.
struct ProductTable {
  std::vector<std::uint8_t> values;  ///< [m, 256]
  float least = 0;
  float step = 0;

  ProductTable() = default;
  /// rotated [d], finite.
  ProductTable(const ProductSpace& space, const float* rotated);
};

/// sums[i] = sum over p of table[p, code of key i]. block [m, kBlock], table [m, 256], sums
/// [kBlock]; m at most 64. Unchecked. Thread-safety: reentrant, serial.
void sum_product_table(const std::uint8_t* block, const std::uint8_t* table, std::int64_t parts,
                       std::uint16_t* sums);

/// The same by AVX-512 VBMI, where the processor has it (false: it has not, nothing was done).
bool sum_product_table_vbmi(const std::uint8_t* block, const std::uint8_t* table,
                            std::int64_t parts, std::uint16_t* sums);

/// out[i] = base + terms[i] + step * sums[i]; bit i of the result is set when it is at most
/// `worst`. All [kBlock]. Unchecked. Thread-safety: reentrant, serial.
[[nodiscard]] std::uint64_t near_in_block(const float* terms, const std::uint16_t* sums, float base,
                                          float step, float worst, float* out);

/// The codes [m] of the nearest centroids to the parts of a rotated offset v [d], of equal
/// distances the lower; gives the key's term around the rotated `centroid` [d]. Unchecked.
/// Thread-safety: reentrant, serial.
float encode_product_offset(const ProductSpace& space, const float* offset, const float* centroid,
                            std::uint8_t* code);

}  // namespace pema::kernels
