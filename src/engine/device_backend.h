/// The steps on a device: docs/decisions/0016-engine-on-a-device.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/cuda/ops.h"
#include "pema/device.h"
#include "src/engine/backend.h"
#include "src/engine/device_lists.h"
#include "src/engine/device_rows.h"
#include "src/engine/device_scratch.h"
#include "src/engine/device_tables.h"

namespace pema::engine {

/// Device `number` for an engine. Throws kInvalidArgument (a number that no key can hold), and as
/// open_runtime, with the way out.
[[nodiscard]] std::shared_ptr<Runtime> open_device(std::int64_t number);

class DeviceBackend final : public Backend {
 public:
  /// Opens the device of the options and, where they have no memory manager, makes one. Throws as
  /// Engine's constructor.
  explicit DeviceBackend(const EngineOptions& options);
  ~DeviceBackend() override;
  DeviceBackend(const DeviceBackend&) = delete;
  DeviceBackend& operator=(const DeviceBackend&) = delete;

  /// The next walk's rows and results lie on the device.
  void use(const DeviceBatch& batch, const DeviceScores& scores);
  /// Engine::finish.
  void finish();

  void compose(Context& context, Walk& walk) override;
  void apply(Context& context, Walk& walk) override;
  void project(Context& context, Walk& walk, MatrixView<float> personal) override;
  void fetch_features(Context& context, Walk& walk) override;
  void interpolate(Context& context, const Walk& walk, MatrixView<float> out) override;
  void interpolate_targets(Context& context, const Walk& walk, MatrixView<float> personal,
                           std::span<const std::int64_t> targets, std::span<double> out) override;
  void abandon() noexcept override;

 private:
  // Step 4.
  void lease_tables(Context& context, const Walk& walk);
  void build_lists(const Walk& walk);
  // Step 5.
  void reserve(const Context& context);
  void send_rows(const Context& context, const Walk& walk);
  void queue_latents(const Context& context, const PoolRows& rows);
  void queue_pairs(const Context& context);
  // Step 8.
  void queue_mixture(const Walk& walk);
  void take_results(const Context& context, MatrixView<float> out);

  [[nodiscard]] std::int64_t rows() const noexcept { return std::ssize(order_.batch_row); }
  [[nodiscard]] kernels::cuda::DeviceCsr latents(const RowRun& run) const;
  [[nodiscard]] kernels::cuda::DeviceOut deltas(const Context& context, const RowRun& run) const;
  [[nodiscard]] kernels::cuda::DeviceOut scores(const RowRun& run) const;
  [[nodiscard]] kernels::cuda::Workspace workspace() const;
  /// What `get` leases, kept as long as the step's work may read it. When leases of steps that are
  /// still queued leave no room, they are waited for.
  template <typename Get>
  auto leased(const Get& get);

  std::shared_ptr<Runtime> runtime_;
  kernels::cuda::Stream stream_;
  DeviceTables tables_;
  DeviceScratch scratch_;

  // Of the walk at hand.
  bool on_device_ = false;
  DeviceBatch batch_;
  DeviceScores wanted_;
  DeviceOrder order_;
  DeviceTablePtr head_;
  std::vector<const Group*> composed_;  ///< groups of the separate algebra with a mask
  std::vector<DevicePairPtr> pairs_;    ///< [composed_]
  HostLists lists_;
  PlacedCsr latents_;
  std::int64_t places_at_ = 0;          ///< in lists_: the device row at each place of row_order
  std::vector<std::int64_t> gains_at_;  ///< [order_.pools]
  std::vector<std::int64_t> tiles_at_;  ///< [composed_]
  std::vector<std::int64_t> tiles_;     ///< [composed_], how many
  const std::byte* sent_ = nullptr;     ///< lists_ on the device
  kernels::cuda::DeviceRows x_;
  kernels::cuda::DeviceRows base_;
  kernels::cuda::DeviceOut out_;
  std::vector<std::int64_t> queued_;  ///< batch rows of the last step on the device, for `finish`
  Matrix<float> fetched_;             ///< features that recall needed
};

}  // namespace pema::engine
