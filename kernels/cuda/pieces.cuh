/// Pieces of 16 bytes: what kernels load at once, and the numbers in them.
#pragma once

#include <cstdint>

#include "kernels/cuda/simt.h"

#ifdef __CUDACC__
#define PEMA_UNROLL _Pragma("unroll")
#else
#define PEMA_UNROLL
#endif

namespace pema::kernels::cuda {

using int8_value = signed char;

struct Words {
  unsigned w[4];
};
PEMA_DEVICE Words load_words(const void* p) {
  if constexpr (PEMA_SEEDED(6)) {
    const auto* const at = static_cast<const unsigned char*>(p);
    return {{simt::ldvec_ro<unsigned>(at), simt::ldvec_ro<unsigned>(at + 4),
             simt::ldvec_ro<unsigned>(at + 8), simt::ldvec_ro<unsigned>(at + 12)}};
  }
  const uint4 v = simt::ldvec_ro<uint4>(p);
  return {{v.x, v.y, v.z, v.w}};
}

/// Numbers of type T in a piece: kLanes of them, value(words, i) as float, or int for int8.
template <typename T>
struct Piece;

template <>
struct Piece<float> {
  static constexpr int kLanes = 4;
  using Value = float;
  PEMA_DEVICE static float value(const Words& piece, int i) { return __uint_as_float(piece.w[i]); }
};

template <typename Half>
struct HalfPiece {
  static constexpr int kLanes = 8;
  using Value = float;
  PEMA_DEVICE static float value(const Words& piece, int i) {
    return simt::to_float(Half{static_cast<unsigned short>(piece.w[i / 2] >> (16 * (i % 2)))});
  }
};
template <>
struct Piece<simt::half_t> : HalfPiece<simt::half_t> {};
template <>
struct Piece<simt::bf16_t> : HalfPiece<simt::bf16_t> {};

template <>
struct Piece<int8_value> {
  static constexpr int kLanes = 16;
  using Value = int;
  PEMA_DEVICE static int value(const Words& piece, int i) {
    return static_cast<int8_value>(piece.w[i / 4] >> (8 * (i % 4)));
  }
};

/// Sum over the warp, in every lane; the same tree whatever the values.
PEMA_DEVICE float warp_sum(float x) {
  for (int step = 16; step > (PEMA_SEEDED(7) ? 1 : 0); step /= 2)
    x += __shfl_xor_sync(0xffffffffU, x, step);
  return x;
}
PEMA_DEVICE float warp_max(float x) {
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffU, x, step));
  return x;
}

}  // namespace pema::kernels::cuda
