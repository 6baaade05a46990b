/// What stays on the device between steps: pools, their projections, sides to compose from,
/// composed masks, the head. All of it is the memory manager's, under its device budget.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "src/engine/device_memory.h"
#include "src/engine/walk.h"

namespace pema::engine {

/// Rows on the device. Immutable.
struct DeviceTable {
  std::unique_ptr<const DeviceCopy> copy;
  kernels::cuda::DeviceRows rows;
  /// int8: what row i counts, beside its numbers (a grid per row; 1 for a row of zeros). Empty: 1.
  std::vector<float> factors;
};
using DeviceTablePtr = std::shared_ptr<const DeviceTable>;

/// A composed mask: A^ and B^T, [r, d] each.
struct DevicePair {
  explicit DevicePair(std::shared_ptr<DeviceMemory> device, std::int64_t bytes)
      : block(std::move(device), bytes) {}
  DeviceBlock block;
  kernels::cuda::DeviceRows down;
  kernels::cuda::DeviceRows up;
};
using DevicePairPtr = std::shared_ptr<const DevicePair>;

/// d rounded up so that rows of d float32 start at multiples of 16 bytes.
[[nodiscard]] constexpr std::int64_t padded_width(std::int64_t d) noexcept {
  return (d + 3) / 4 * 4;
}

/// Thread-safety: one thread at a time; several may share one manager. Everything throws
/// kOverBudget and kBusy for want of room on the device, and kIo.
class DeviceTables {
 public:
  DeviceTables(std::shared_ptr<Runtime> runtime, std::shared_ptr<MemoryManager> memory,
               std::int64_t number);

  /// The rows of latent values, [R, d] float32: shared adapter, then in the mixture algebra all
  /// adapters. A, or B^T without scales.
  [[nodiscard]] DeviceTablePtr latent_rows(const Pool& pool, bool up);
  /// U^T [R, V] in EngineOptions::projection, as the CPU rounds it.
  [[nodiscard]] DeviceTablePtr projection(Context& context, const Pool& pool);
  /// Gram matrix [R, R] of the up rows, over the projection's factors, which the weights of its
  /// rows carry.
  [[nodiscard]] DeviceTablePtr gram(Context& context, const Pool& pool,
                                    std::span<const float> factors);
  /// W^T [d padded, V] float32, rows behind d zero.
  [[nodiscard]] DeviceTablePtr head(Context& context);
  /// Separate algebra: the composed pair of every group, those that are not held made together on
  /// `stream`, which is waited for. What finds no room is handed out and not kept.
  [[nodiscard]] std::vector<DevicePairPtr> composed(Context& context,
                                                    const std::vector<const Group*>& groups,
                                                    kernels::cuda::Stream stream);

 private:
  /// [N, r d padded] in EngineOptions::composition; up rows times their scale.
  [[nodiscard]] DeviceTablePtr side(Context& context, const Pool& pool, bool up);
  [[nodiscard]] MemoryKey key(MemoryKind kind, const Digest& digest, unsigned variant) const;
  template <typename Make>
  [[nodiscard]] DeviceTablePtr get(const MemoryKey& key, std::int64_t bytes, const Make& make);
  [[nodiscard]] std::vector<DevicePairPtr> make(Context& context,
                                                const std::vector<const Group*>& groups,
                                                kernels::cuda::Stream stream);

  std::shared_ptr<Runtime> runtime_;
  std::shared_ptr<DeviceMemory> device_;
  std::shared_ptr<MemoryManager> memory_;
  unsigned number_;
  DeviceTablePtr head_;  // leased for life: every step through it reads all of it
  GrowingBlock lists_;
  GrowingBlock sums_;
};

}  // namespace pema::engine
