/// The same ops through NVIDIA's libraries: sparse ones by cuSPARSE SpMM, dense ones by cuBLAS, so
/// that planner and bench can choose. f32 for the sparse ones; sums run in the libraries' order, so
/// bits may change with the call's shape (the kernels' do not).
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/cuda/ops.h"

namespace pema::kernels::cuda {

/// Handles of cuBLAS and cuSPARSE on the current device. Thread-safety: one call at a time.
class Libraries {
 public:
  /// Throws kUnsupported where there is no GPU or no CUDA in the build; kInternal when a library
  /// refuses. Allocates what the libraries keep for themselves.
  Libraries();
  ~Libraries();
  Libraries(const Libraries&) = delete;
  Libraries& operator=(const Libraries&) = delete;

  struct State;
  [[nodiscard]] State& state() noexcept { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

/// As compose(op, stream), f32 pools only (else kUnsupported). The workspace is larger:
/// compose_workspace with libraries. Throws kInternal when cuSPARSE refuses.
void compose(const DeviceComposeCsr& op, Libraries& libraries, Stream stream);
[[nodiscard]] std::int64_t compose_workspace(const DeviceComposeCsr& op, Libraries& libraries);

/// As project(op, stream), likewise.
void project(const DeviceProject& op, Libraries& libraries, Stream stream);
[[nodiscard]] std::int64_t project_workspace(const DeviceProject& op, Libraries& libraries);

/// out[b] (+)= sum_r weight[b][r] U[r]: the dense form of project, for masks that take most rows.
struct DeviceDenseProject {
  DeviceRows weight;  ///< [rows, R] of U's type
  DeviceRows up;      ///< U [R, V] f32, f16 or bf16
  DeviceOut out;      ///< [rows, V]
  bool add = true;
  Workspace workspace;  ///< any size; cuBLAS is faster with kProductWorkspace. None: cuBLAS's own
};
void project(const DeviceDenseProject& op, Libraries& libraries, Stream stream);

/// out[b][v] = <W_v, x_b>: the head, logits = W x, and z = A x over a whole pool.
struct DeviceHeadProduct {
  DeviceRows weight;  ///< W [V, d] f32, f16 or bf16
  DeviceRows x;       ///< [rows, d] of W's type
  DeviceOut out;      ///< [rows, V]
  bool add = false;
  Workspace workspace;  ///< as DeviceDenseProject
};
void head_product(const DeviceHeadProduct& op, Libraries& libraries, Stream stream);

/// What cuBLAS asks for on sm_90; more than it asks for on sm_80.
inline constexpr std::int64_t kProductWorkspace = std::int64_t{32} << 20;

}  // namespace pema::kernels::cuda
