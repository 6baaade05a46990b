/// What the engine's inner loops cost on one machine: what the planner chooses by.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pema {

/// Seconds of the engine's inner loops, fitted by `measure_costs` (pema/planner.h). Where "all
/// threads" stands, the seconds are those of the whole call; elsewhere those of one thread. The
/// defaults were measured on an Intel Xeon with AVX-512 and 2 threads at d 576, V 49,152
/// (docs/decisions/0006-planner.md). Results never depend on them but through the strategy that is
/// chosen for a lease.
struct MachineCosts {
  double head_read = 1.7e-10;     ///< per weight of W [V, d] that is read; all threads
  double head_add = 1.4e-11;      ///< per weight and row of head_product; all threads
  double float32_read = 1.0e-10;  ///< per element of U in float32 that is read; all threads
  double float32_add = 6.1e-11;   ///< per element of U that is added to a row; all threads
  double half_read = 5.0e-11;     ///< the same for U in float16 or bfloat16
  double half_add = 6.1e-11;      ///< the same for U in float16 or bfloat16
  double int8_read = 2.5e-11;     ///< the same for U in int8
  double int8_add = 2.1e-11;      ///< the same for U in int8
  double quantise = 1.6e-9;    ///< per element of U that is rounded to a narrower type; all threads
  double pool_read = 3.1e-10;  ///< per element of a pool's rows that a group of rows reads
  double composed_read = 3.1e-10;    ///< per element of a composed bottleneck that it reads
  double gate_add = 3.3e-11;         ///< per element and row of x -> latent values
  double delta_add = 3.3e-11;        ///< per element and row of latent values -> delta
  double compose_copy = 2.5e-9;      ///< per element that a composed mixture copies
  double compose_sum = 1.8e-10;      ///< per element that composing a separate pair of masks adds
  double list_entry = 2.7e-8;        ///< per row of an adapter that is listed for a group
  double copy_logit = 5.7e-10;       ///< per base logit copied to start a personal row with
  double interpolate_word = 2.2e-9;  ///< per word of a row of `interpolate`
  double parallel_run = 1.6e-6;      ///< per loop that is split over the threads
};

/// What a step costs on a device, for a planner that chooses between strategies there. The defaults
/// are data-sheet figures of an A100 (1.5 TB/s of HBM2, PCIe 4.0) and a usual launch: a model.
struct DeviceCosts {
  double byte_read = 6.5e-13;  ///< per byte of weights, pools, U and logits read or written
  double byte_copied = 4e-11;  ///< per byte copied from or to the host
  double launch = 4e-6;        ///< per kernel that is queued
  double multiply = 1e-13;     ///< per multiply-add in float32
  bool measured = false;       ///< on a device; the planner's words say when not
};

/// Throws kInvalidArgument when one is negative, not finite or above a second.
void check_device_costs(const DeviceCosts& costs);

/// One cost: its stable name (the key in files and JSON), and what it is counted by.
struct CostField {
  std::string_view name;
  double MachineCosts::*value;
  std::string_view per;
};

/// Every member of MachineCosts once, in its order. Never throws.
[[nodiscard]] std::span<const CostField> cost_fields() noexcept;

/// Throws kInvalidArgument, naming the cost, when one is negative, not finite or above a second.
void check_costs(const MachineCosts& costs);

/// Seconds of the steps of one decode step that differ between strategies; predicted or measured.
struct StepSeconds {
  double compose = 0;
  double apply = 0;
  double project = 0;
  double interpolate = 0;

  [[nodiscard]] double total() const noexcept { return compose + apply + project + interpolate; }
};

}  // namespace pema
