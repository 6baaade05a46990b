/// The ops of kernels/ on device memory. In-tree interface of target pema_cuda; no CUDA header is
/// needed to include it.
///
/// Every op: pointers are device memory, 16-byte aligned, and stay the caller's; work is queued on
/// `stream` and the call returns without waiting; nothing is allocated (workspaces are given, their
/// sizes asked for first; contents need not be kept between calls). What is in device memory cannot
/// be checked and is trusted. Throws kInvalidArgument on shapes, alignment or a workspace too
/// small, kUnsupported for a combination no kernel covers, kInternal when CUDA refuses the launch.
/// Thread-safety: reentrant, as long as calls do not share outputs or workspaces.
#pragma once

#include <cstdint>

struct CUstream_st;

namespace pema::kernels::cuda {

using Stream = ::CUstream_st*;  ///< cudaStream_t

enum class Element : std::uint8_t { kFloat32, kFloat16, kBfloat16, kInt8 };

/// [rows, cols] elements, row i at data + i * stride elements. A row starts at a multiple of 16
/// bytes; what lies between cols and stride is read and has no influence. kInt8: value = scale * q;
/// the other types need scale 1.
struct DeviceRows {
  const void* data = nullptr;
  Element type = Element::kFloat32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;
  float scale = 1;
};

/// [rows, cols] f32 to be written, row i at data + i * stride; stride a multiple of 4.
struct DeviceOut {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;
};

/// Which rows each sum takes, with weights: CSR, `index` strictly rising within a row.
struct DeviceCsr {
  const std::int32_t* begin = nullptr;  ///< [rows + 1]
  const std::int32_t* index = nullptr;  ///< [entries]
  const float* weight = nullptr;        ///< [entries]
  std::int64_t rows = 0;
  std::int64_t entries = 0;
};

/// Hard masks: row p takes row i of the pool when bit i is set (as BitMask: 64 to a word, lowest
/// first), every one with the same weight.
struct DeviceBits {
  const std::uint64_t* words = nullptr;  ///< [rows, ceil(pool rows / 64)]
  const float* weight = nullptr;         ///< [rows]
  std::int64_t rows = 0;
};

struct Workspace {
  void* data = nullptr;
  std::int64_t bytes = 0;
};

/// out[p] = weight_p * sum of the pool's rows that mask p selects: [P, cols]. Float pools are added
/// in f32 by rising row; int8 pools exactly, in int32. A row of out does not depend on the others.
struct DeviceComposeBits {
  DeviceRows pool;  ///< [N, cols], N <= 2^20
  DeviceBits masks;
  DeviceOut out;
};
void compose(const DeviceComposeBits& op, Stream stream);

/// out[p] = sum_i weight[p][i] pool[i]: [P, cols]. int8: weights are rounded to int16 with one step
/// per row so that the int32 sum cannot overflow (quantise.cuh); that sum is exact.
struct DeviceComposeCsr {
  DeviceRows pool;  ///< [N, cols], N <= 2^20
  DeviceCsr masks;
  DeviceOut out;
  Workspace workspace;  ///< compose_workspace bytes
};
void compose(const DeviceComposeCsr& op, Stream stream);
[[nodiscard]] std::int64_t compose_workspace(Element pool, const DeviceCsr& masks);

/// out[b] += sum_f weight[b][f] U[f] over the vocabulary (`add`), or = (not `add`). Rows of the
/// batch that stand next to each other share what they select, so rows of one profile belong
/// together.
struct DeviceProject {
  DeviceRows up;  ///< U [R, V], R <= 2^20
  DeviceCsr latents;
  DeviceOut out;  ///< [rows, V] logits
  bool add = true;
  Workspace workspace;  ///< project_workspace bytes
};
void project(const DeviceProject& op, Stream stream);
[[nodiscard]] std::int64_t project_workspace(Element up, const DeviceCsr& latents);

/// weight[b][e] = gain[b][e] * <A[index e], x_b>: the latent values that masks select, gated. Same
/// CSR shape for gain (in `latents.weight`, f32) and the result.
struct DeviceGate {
  DeviceRows down;           ///< A [R, d]
  DeviceRows x;              ///< [rows, d] f32, f16 or bf16
  DeviceCsr latents;         ///< weight is the gain
  std::int64_t longest = 0;  ///< entries of the longest row
  float* out = nullptr;      ///< [entries]
};
void gate(const DeviceGate& op, Stream stream);

/// At most kRowsPerTile rows of one group, from row_tiles (launch_plan.h).
struct RowTile {
  std::int32_t group = 0;
  std::int32_t first = 0;
  std::int32_t rows = 0;
};

/// delta[row] += B^_g A^_g x[row] for the rows of every group g: rows that share a composed pair.
struct DeviceBottleneck {
  DeviceRows x;                         ///< [rows, d] f32, f16 or bf16
  const std::int32_t* order = nullptr;  ///< [rows] row of x and delta at each place; null: as is
  const RowTile* tiles = nullptr;       ///< [tiles]
  std::int64_t tile_count = 0;
  DeviceRows down;           ///< A^ [groups * latents, d] f32
  DeviceRows up;             ///< B^T [groups * latents, d] f32
  std::int64_t latents = 0;  ///< per group
  DeviceOut delta;           ///< [rows, d]
  Workspace workspace;       ///< bottleneck_workspace bytes
};
void bottleneck(const DeviceBottleneck& op, Stream stream);
[[nodiscard]] std::int64_t bottleneck_workspace(std::int64_t rows, std::int64_t latents);

/// inverse[b] = 1 / sqrt(max(w' G w, 0) / width + eps) with G = U_0' U_0 [R, R], the Gram matrix of
/// the rows before the head: the norm of the distribution form, without the vector. scaled[e] =
/// weight[e]
/// * inverse[b] unless null.
struct DeviceGramNorm {
  DeviceRows gram;  ///< [R, R] f32
  DeviceCsr latents;
  std::int64_t width = 0;  ///< d
  float eps = 0;
  float* inverse = nullptr;  ///< [rows]
  float* scaled = nullptr;   ///< [entries] or null; may be latents.weight
};
void gram_norm(const DeviceGramNorm& op, Stream stream);

/// rows[b] = rows[b] / sqrt(mean rows[b]^2 + eps) * gain: the norm before the head, in place.
struct DeviceNorm {
  DeviceOut rows;               ///< [rows, d]
  const float* gain = nullptr;  ///< [d]
  float eps = 0;
};
void rms_norm(const DeviceNorm& op, Stream stream);

/// Bits of DeviceMixture::status.
inline constexpr std::int32_t kBadBase = 1;      ///< base holds NaN, +inf or nothing but -inf
inline constexpr std::int32_t kBadPersonal = 2;  ///< the same of personal

/// out[b][w] = log(base_weight softmax(base) + personal_weight softmax(personal) + recalled), as
/// kernels/interpolate.h. A source with weight 0 is not read. A bad source is told in `status` and
/// its row is NaN. out may be personal.
struct DeviceMixture {
  DeviceRows base;                         ///< [rows, V] f32 logits
  DeviceRows personal;                     ///< [rows, V] f32 logits
  const float* base_weight = nullptr;      ///< [rows]
  const float* personal_weight = nullptr;  ///< [rows]
  DeviceCsr recalled;                      ///< token and mass per row; no entries: all null
  DeviceOut out;
  std::int32_t* status = nullptr;  ///< [rows], 0 where all is well
  Workspace workspace;             ///< interpolate_workspace bytes
};
void interpolate(const DeviceMixture& op, Stream stream);
[[nodiscard]] std::int64_t interpolate_workspace(std::int64_t rows, std::int64_t vocab);

inline constexpr std::int64_t kMaxNearest = 32;  ///< of top_k and nearest_by_overlap

/// The `count` largest values of each row, largest first, of equal ones the lowest column first.
/// NaN is passed over; places behind the last value hold index -1 and value -inf.
struct DeviceTopK {
  DeviceRows values;              ///< [rows, V] f32
  std::int64_t count = 0;         ///< at most kMaxNearest
  std::int32_t* index = nullptr;  ///< [rows, count]
  float* value = nullptr;         ///< [rows, count]
};
void top_k(const DeviceTopK& op, Stream stream);

/// A table of masks as MaskTable::groups(): groups of 8, each [words, 8].
struct DeviceMaskTable {
  const std::uint64_t* groups = nullptr;
  std::int64_t masks = 0;
  std::int64_t words = 0;  ///< of 64 bits per mask
};

/// size[m] = members of mask m.
struct DeviceMaskSizes {
  DeviceMaskTable table;
  std::int32_t* size = nullptr;  ///< [masks]
};
void mask_sizes(const DeviceMaskSizes& op, Stream stream);

/// For every query the `count` masks with the largest overlap, largest first, of equal ones the
/// lowest number first; places behind the last mask hold index -1 and overlap -1.
struct DeviceMaskSearch {
  DeviceMaskTable table;
  const std::uint64_t* queries = nullptr;  ///< [queries, words]
  std::int64_t query_count = 0;
  std::int64_t count = 0;           ///< at most kMaxNearest
  std::int64_t* index = nullptr;    ///< [queries, count]
  std::int32_t* overlap = nullptr;  ///< [queries, count]
  Workspace workspace;              ///< mask_search_workspace bytes
};
void nearest_by_overlap(const DeviceMaskSearch& op, Stream stream);
[[nodiscard]] std::int64_t mask_search_workspace(std::int64_t masks, std::int64_t queries);

}  // namespace pema::kernels::cuda
