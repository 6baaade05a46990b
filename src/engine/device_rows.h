/// In which order a step's rows lie on the device, and which of them are worked on together.
#pragma once

#include <cstdint>
#include <vector>

#include "src/engine/device_lists.h"
#include "src/engine/device_tables.h"
#include "src/engine/walk.h"

namespace pema::engine {

/// Rows [begin, end) of the device.
struct RowRun {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t rows() const noexcept { return end - begin; }
};

/// Personal rows next to each other under one pool and strategy, and what they compute with.
struct PoolRows {
  RowRun run;
  const Pool* pool = nullptr;
  Strategy strategy = Strategy::kFactored;
  std::int64_t longest = 0;     ///< entries of the row with most latents
  DeviceTablePtr down;          ///< null without latents
  DeviceTablePtr up;            ///< null where U takes its place, or without latents
  DeviceTablePtr projection;    ///< projected
  DeviceTablePtr gram;          ///< projected, under a norm
  std::span<const float> gain;  ///< of the norm; empty for none

  [[nodiscard]] bool projected() const noexcept { return strategy == Strategy::kProjected; }
  [[nodiscard]] bool residual() const noexcept { return pool->info().form == Form::kResidual; }
};

struct DeviceOrder {
  std::vector<std::int64_t> batch_row;   ///< [rows on the device]
  std::vector<std::int64_t> device_row;  ///< [rows of the batch]; -1: not there
  std::vector<PoolRows> pools;
  std::vector<RowRun> mixed;  ///< rows that are not inert
};

/// As given: all rows, in the batch's order. Otherwise without inert rows, personal ones first, by
/// pool and group, so that rows that read the same lie together.
[[nodiscard]] DeviceOrder order_rows(const Walk& walk, bool as_given);

/// The latent values of every row on the device, shared adapter first, with what they weigh:
/// indices are rows of PoolRows::down. Fills PoolRows::longest.
[[nodiscard]] HostCsr latent_lists(const Walk& walk, DeviceOrder& order);

}  // namespace pema::engine
