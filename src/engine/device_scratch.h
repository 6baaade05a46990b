/// Scratch on the device and pinned staging beside it, one engine's. It grows with the largest step
/// and is then there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "src/engine/device_lists.h"
#include "src/engine/device_memory.h"

namespace pema::engine {

/// Bytes on the device.
struct ScratchSizes {
  std::int64_t features = 0;
  std::int64_t logits = 0;
  std::int64_t scores = 0;
  std::int64_t weights = 0;
  std::int64_t deltas = 0;
  std::int64_t inverse = 0;
  std::int64_t status = 0;
  std::int64_t workspace = 0;
};

/// Thread-safety: one thread at a time; the device must be current. Throws kOverBudget, kIo.
class DeviceScratch {
 public:
  DeviceScratch(const std::shared_ptr<Runtime>& runtime, kernels::cuda::Stream stream);

  /// Begins a step: waits for the step before the last one, whose staging is taken over, and ends
  /// its leases.
  void begin();
  /// Marks the end of what the step queued.
  void end();
  /// Ends all leases, because everything that was queued is done.
  void release() noexcept;
  /// Until a later `begin` or `release`, for the step's work may read it as long.
  void keep(std::shared_ptr<const void> lease);

  void reserve(const ScratchSizes& sizes);
  /// Copies lists through the step's staging to the device; where they lie there. `which`: 0 for
  /// those before recall, 1 for those after it.
  const std::byte* send(const HostLists& lists, std::size_t which);
  /// The CSR form of `rows` dense rows [width], their weights being any [rows, width] matrix.
  [[nodiscard]] kernels::cuda::DeviceCsr dense(std::int64_t rows, std::int64_t width);

  GrowingBlock features;
  GrowingBlock logits;
  GrowingBlock scores;
  GrowingBlock weights;  ///< [entries] latent values
  GrowingBlock deltas;   ///< what lies behind the columns of a row stays zero
  GrowingBlock inverse;
  GrowingBlock status;
  GrowingBlock workspace;
  GrowingBlock staging_in;   ///< pinned
  GrowingBlock staging_out;  ///< pinned

 private:
  /// Staging of every other step, so that one is written while the other may still be read.
  struct Turn {
    std::unique_ptr<kernels::cuda::Fence> fence;
    std::array<std::unique_ptr<GrowingBlock>, 2> lists;
    std::vector<std::shared_ptr<const void>> leases;
  };

  std::shared_ptr<Runtime> runtime_;
  kernels::cuda::Stream stream_;
  std::array<Turn, 2> turns_;
  std::size_t turn_ = 0;
  std::array<std::unique_ptr<GrowingBlock>, 2> lists_;
  GrowingBlock dense_;
  std::int64_t dense_rows_ = 0;
};

}  // namespace pema::engine
