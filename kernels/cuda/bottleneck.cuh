/// delta += B^ A^ x for rows that are grouped by profile: z = A^ x, then delta += z B^T.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

/// Row of x and delta at a place of the order.
PEMA_DEVICE std::int64_t row_at(const std::int32_t* order, int place) {
  return order == nullptr ? place : order[place];
}

/// A slab of kSlab columns of some rows on its way to shared memory. What is not there (rows behind
/// `present`, columns behind `width`) becomes zero.
template <typename T, int kRows, int kPitch>
struct Slab {
  static constexpr int kLanes = 16 / static_cast<int>(sizeof(T));
  static constexpr int kPieces = kSlab / kLanes;

  /// Queues this thread's pieces. row(r): pointer to row r.
  template <typename Row>
  PEMA_DEVICE static void request(T* to, int present, std::int64_t column, std::int64_t width,
                                  const Row& row) {
    for (int piece = static_cast<int>(threadIdx.x); piece < kRows * kPieces;
         piece += kTileThreads) {
      const int r = piece / kPieces;
      const int c = piece % kPieces * kLanes;
      if (r < present && column + c < width) {
        simt::cp_async16(to + r * kPitch + c, row(r) + column + c);
      } else {
        simt::stvec<uint4>(to + r * kPitch + c, make_uint4(0, 0, 0, 0));
      }
    }
  }

  /// Zeroes what this thread's landed pieces hold from behind `width`.
  PEMA_DEVICE static void trim(T* to, std::int64_t column, std::int64_t width) {
    for (int piece = static_cast<int>(threadIdx.x); piece < kRows * kPieces;
         piece += kTileThreads) {
      const int c = piece % kPieces * kLanes;
      if (column + c >= width || column + c + kLanes <= width) continue;
      for (int i = static_cast<int>(width - column) - c; i < kLanes; ++i) {
        to[piece / kPieces * kPitch + c + i] = T{};
      }
    }
  }
};

/// Four numbers of shared memory.
PEMA_DEVICE float4 load_four(const float* p) { return simt::ldvec<float4>(p); }
template <typename Half>
PEMA_DEVICE float4 load_four(const Half* p) {
  const uint2 v = simt::ldvec<uint2>(p);
  const auto low = [](unsigned w) {
    return simt::to_float(Half{static_cast<unsigned short>(w & 0xffffU)});
  };
  const auto high = [](unsigned w) {
    return simt::to_float(Half{static_cast<unsigned short>(w >> 16U)});
  };
  return make_float4(low(v.x), high(v.x), low(v.y), high(v.y));
}

template <typename T>
struct Down {
  const T* x;  // [rows, x_stride]
  std::int64_t x_stride;
  const std::int32_t* order;
  const RowTile* tiles;
  const float* down;  // [groups * latents, down_stride]
  std::int64_t down_stride;
  int latents;
  std::int64_t width;
  float* z;  // [places, latents]
};

/// z[place][l] = <A^_l, x>, kRowsPerTile rows by kTileLatents latents per block. While a slab of
/// both is multiplied the next one is on its way. A warp has 8 latents and 4 rows; warps 2 and 3
/// take the second half of every slab, added at the end. Four accumulators per thread. Grid:
/// down_plan.
template <typename T>
PEMA_GLOBAL void __launch_bounds__(kTileThreads) down_kernel(Down<T> a) {
  constexpr int kPitch = kSlab + (PEMA_SEEDED(9) ? 0 : kSlabPad);
  constexpr int kPitchX = kSlab + (PEMA_SEEDED(9) ? 0 : 16 / static_cast<int>(sizeof(T)));
  using SlabA = Slab<float, kTileLatents, kPitch>;
  using SlabX = Slab<T, kRowsPerTile, kPitchX>;
  SIMT_SHARED(float, down, 2 * kTileLatents * kPitch);
  SIMT_SHARED(T, x, 2 * kRowsPerTile * kPitchX);
  SIMT_SHARED(float, second_half, kRowsPerTile* kTileLatents);
  const int tid = static_cast<int>(threadIdx.x);
  const int lane = tid % kWarp;
  const int warp = tid / kWarp;
  const RowTile tile = a.tiles[blockIdx.x];
  const int first_latent = static_cast<int>(blockIdx.y) * kTileLatents;
  const int latents = min(kTileLatents, a.latents - first_latent);
  const float* const first_down =
      a.down + (static_cast<std::int64_t>(tile.group) * a.latents + first_latent) * a.down_stride;
  const auto request = [&](int slab) {
    const int buffer = slab % 2;
    const auto column = static_cast<std::int64_t>(slab) * kSlab;
    SlabA::request(down + buffer * kTileLatents * kPitch, latents, column, a.width,
                   [&](int l) { return first_down + l * a.down_stride; });
    SlabX::request(x + buffer * kRowsPerTile * kPitchX, tile.rows, column, a.width,
                   [&](int b) { return a.x + row_at(a.order, tile.first + b) * a.x_stride; });
    simt::cp_async_commit();
  };

  const int latent = lane % kTileLatents;
  const int row = warp % 2 * 4 + lane / kTileLatents;
  const int half = warp / 2 * (kSlab / 2);
  float4 sum = make_float4(0, 0, 0, 0);
  const int slabs = static_cast<int>((a.width + kSlab - 1) / kSlab);
  if (slabs > 0) request(0);
  for (int slab = 0; slab < slabs; ++slab) {
    if (slab + 1 < slabs) {
      request(slab + 1);
      if constexpr (!PEMA_SEEDED(10)) simt::cp_async_wait<1>();
    } else {
      if constexpr (!PEMA_SEEDED(10)) simt::cp_async_wait<0>();
    }
    float* const at_down = down + slab % 2 * kTileLatents * kPitch;
    T* const at_x = x + slab % 2 * kRowsPerTile * kPitchX;
    if (slab + 1 == slabs) {
      SlabA::trim(at_down, static_cast<std::int64_t>(slab) * kSlab, a.width);
      SlabX::trim(at_x, static_cast<std::int64_t>(slab) * kSlab, a.width);
    }
    if constexpr (!PEMA_SEEDED(13)) __syncthreads();
    for (int k = half; k < half + kSlab / 2; k += 4) {
      const float4 u = load_four(at_down + latent * kPitch + k);
      const float4 v = load_four(at_x + row * kPitchX + k);
      sum.x += u.x * v.x;
      sum.y += u.y * v.y;
      sum.z += u.z * v.z;
      sum.w += u.w * v.w;
    }
    if constexpr (!PEMA_SEEDED(11)) __syncthreads();
  }
  const float value = (sum.x + sum.y) + (sum.z + sum.w);
  if (half > 0) second_half[row * kTileLatents + latent] = value;
  __syncthreads();
  if (half == 0 && row < tile.rows && latent < latents) {
    a.z[static_cast<std::int64_t>(tile.first + row) * a.latents + first_latent + latent] =
        value + second_half[row * kTileLatents + latent];
  }
}

struct Up {
  const float* z;  // [places, latents]
  const std::int32_t* order;
  const RowTile* tiles;
  const float* up;  // [groups * latents, up_stride]
  std::int64_t up_stride;
  int latents;
  std::int64_t width;
  float* delta;  // [rows, delta_stride]
  std::int64_t delta_stride;
};

/// delta[row] += sum_l z[place][l] B^T_l, kRowsPerTile rows by kTileThreads * 4 columns per block:
/// each piece of B^T is loaded once for all rows. Latents are added in their order. Grid: up_plan.
static PEMA_GLOBAL void __launch_bounds__(kTileThreads) up_kernel(Up a) {
  SIMT_SHARED(float, weight, kRowsPerTile* kUpLatents);
  const int tid = static_cast<int>(threadIdx.x);
  const RowTile tile = a.tiles[blockIdx.x];
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * kTileThreads + tid) * 4;
  const bool inside = column < a.width;
  const float* const up =
      a.up + static_cast<std::int64_t>(tile.group) * a.latents * a.up_stride + column;
  float sum[kRowsPerTile][4];
  PEMA_UNROLL
  for (int b = 0; b < kRowsPerTile; ++b) {
    PEMA_UNROLL
    for (int i = 0; i < 4; ++i) sum[b][i] = 0;
  }
  for (int base = 0; base < a.latents; base += kUpLatents) {
    for (int i = tid; i < kRowsPerTile * kUpLatents; i += kTileThreads) {
      const int b = i / kUpLatents;
      const int l = base + i % kUpLatents;
      weight[i] = b < tile.rows && l < a.latents
                      ? a.z[static_cast<std::int64_t>(tile.first + b) * a.latents + l]
                      : 0.0F;
    }
    __syncthreads();
    const int count = min(kUpLatents, a.latents - base);
    for (int l = 0; inside && l < count; l += kRowBatch) {
      Words piece[kRowBatch];
      PEMA_UNROLL
      for (int k = 0; k < kRowBatch; ++k) {
        if (l + k < count) piece[k] = load_words(up + (base + l + k) * a.up_stride);
      }
      PEMA_UNROLL
      for (int k = 0; k < kRowBatch; ++k) {
        if (l + k >= count) break;
        PEMA_UNROLL
        for (int b = 0; b < kRowsPerTile; ++b) {
          const float w = weight[b * kUpLatents + l + k];
          PEMA_UNROLL
          for (int i = 0; i < 4; ++i) sum[b][i] += w * Piece<float>::value(piece[k], i);
        }
      }
    }
    __syncthreads();
  }
  if (!inside) return;
  PEMA_UNROLL
  for (int b = 0; b < kRowsPerTile; ++b) {
    if (b >= tile.rows) break;
    float* const out = a.delta + row_at(a.order, tile.first + b) * a.delta_stride + column;
    add_four(out, make_float4(sum[b][0], sum[b][1], sum[b][2], sum[b][3]), a.width - column);
  }
}

}  // namespace pema::kernels::cuda
