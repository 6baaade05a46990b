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

/// One 16-byte store to device memory. Written out for nvcc, which takes a float4's store apart
/// where it can share a part of it with another branch.
PEMA_DEVICE void store_piece(float* p, const float4& v) {
#ifdef __CUDACC__
  asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)),
               "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w)
               : "memory");
#else
  simt::stvec<float4>(p, v);
#endif
}

/// Stores the first `count` >= 1 of four numbers.
PEMA_DEVICE void store_four(float* p, const float4& v, std::int64_t count) {
  if (count >= 4) {
    store_piece(p, v);
    return;
  }
  p[0] = v.x;
  if (count > 1) p[1] = v.y;
  if (count > 2) p[2] = v.z;
}

/// The same added to what is there.
PEMA_DEVICE void add_four(float* p, const float4& v, std::int64_t count) {
  if (count >= 4) {
    const float4 old = simt::ldvec<float4>(p);
    store_piece(p, make_float4(old.x + v.x, old.y + v.y, old.z + v.z, old.w + v.w));
    return;
  }
  p[0] += v.x;
  if (count > 1) p[1] += v.y;
  if (count > 2) p[2] += v.z;
}

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
