/// Keys of many segments in lists around centroids, as int8 codes of their offsets, with bounds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/key_lists.h"

namespace pema::kernels {

/// Everything is rotated by rotate_key, centroids too. A key y of the list around c is v = R y - c
/// = s (code - 128) + rest. Lists are whole blocks of kBlock keys, nearest to the centroid first;
/// behind a list's last key, entries repeat it with segment -1. codes are
/// [blocks][ceil(d / 4)][kBlock][4].
struct ListCodes : KeyLists {
  static constexpr std::int64_t kBlock = 32;
  static constexpr std::int64_t kMaxCols = 65536;  ///< sums of products stay below 2^31

  std::span<const std::uint8_t> codes;
  std::span<const float> scales;     ///< [blocks, kBlock] s
  std::span<const float> lengths;    ///< [blocks, kBlock] |v|, rising within a list
  std::span<const float> residuals;  ///< [blocks, kBlock] upper bound of |rest|

  [[nodiscard]] std::int64_t quads() const noexcept { return (cols + 3) / 4; }
  [[nodiscard]] std::int64_t block_bytes() const noexcept { return quads() * kBlock * 4; }
};

/// Codes v [d] into key `place` of a block; gives its scale, length and residual bound.
struct ListCode {
  float scale = 0;
  float length = 0;
  float residual = 0;
};
ListCode encode_offset(const float* offset, std::int64_t cols, std::int64_t place,
                       std::uint8_t* block);

/// A query's offset u = R x - c from one centroid, in int8: u = t p + rest.
struct ListQuery {
  std::vector<std::int8_t> codes;  ///< at least [4 ceil(d / 4)], zero behind d
  std::int32_t bias = 0;           ///< 128 sum p
  float length = 0;                ///< |u|
  float square = 0;                ///< |u|^2
  float minus_twice = 0;           ///< -2 t
  float per_residual = 0;          ///< 2 (|u| + |rest|)
  float per_length = 0;            ///< 2 |rest|

  /// rotated, centroid [d].
  void set(const float* rotated, const float* centroid, std::int64_t cols);
};

/// What float32 arithmetic and the rotation may add to a squared distance of at most 4
/// (kernels/README.md).
inline constexpr float kListSlack = 5e-5F;

/// Squared distances of one query to the keys of one block: in [lower, lower + gap].
struct ListDistances {
  float lower[ListCodes::kBlock];
  float gap[ListCodes::kBlock];
};

/// Looks at one block with `count` queries, at most kListQueries. Bit i of interesting[q] is set
/// when the lower bound of key i is at most worst[q]; keys that do not exist are looked at too.
/// Unchecked. Thread-safety: reentrant, serial.
inline constexpr std::int64_t kListQueries = 8;
void look_at_list_block(const ListCodes& lists, std::int64_t block, const ListQuery* const* queries,
                        std::int64_t count, const float* worst, ListDistances* out,
                        std::uint32_t* interesting);

/// dots[q][i] = sum over c of codes[c][i] * p_q[c]; AVX-512 VNNI where the processor has it
/// (false: it has not, nothing was done). Called in AVX-512's turn alone.
bool list_dots_vnni(const std::uint8_t* block, std::int64_t quads,
                    const std::int8_t* const* queries, std::int64_t count,
                    std::int32_t (*dots)[ListCodes::kBlock]);

}  // namespace pema::kernels
