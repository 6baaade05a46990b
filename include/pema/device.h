/// Serving on a GPU: which one, and batches and results that lie in its memory.
#pragma once

#include <cstdint>
#include <span>

#include "pema/costs.h"
#include "pema/model.h"
#include "pema/number_type.h"
#include "pema/tensor_view.h"

namespace pema {

struct Lease;

/// The device that an engine computes on. Device memory under the budget: pools, their projections,
/// composed masks and the transposed head. Beside it lie scratch and staging, which grow with the
/// rows of a step and never shrink.
struct DeviceOptions {
  std::int64_t number = 0;  ///< in [0, 15], as CUDA counts devices
  /// cudaStream_t that all work is queued on, the caller's; null: the default stream.
  void* stream = nullptr;
  /// Budget in bytes; 0: what the device has. With EngineOptions::memory its device_bytes count.
  std::int64_t memory_bytes = 0;
  DeviceCosts costs{};  ///< what the planner counts with
};

/// [rows, cols] in device memory, row i at data + i * stride numbers. A row starts at a multiple of
/// 16 bytes; what lies between cols and stride is read and has no influence.
struct DeviceMatrix {
  const void* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;
  NumberType type = NumberType::kFloat32;
};

/// As Batch, with features and logits where a GPU runtime left them. Work that wrote them must be
/// queued on DeviceOptions::stream, or be done. Rows of one profile next to each other share what
/// is read for them.
struct DeviceBatch {
  DeviceMatrix features;                        ///< x [rows, d], float32, float16 or bfloat16
  DeviceMatrix logits;                          ///< l [rows, V], float32
  std::span<const Lease* const> leases;         ///< [rows]; null: no profile
  std::span<const std::int64_t> step;           ///< [rows]
  std::span<const std::int64_t> source_length;  ///< [rows]
  FeatureSite site = FeatureSite::kPostNorm;
  /// The features in host memory too, in float32, for the search in memories, which runs on the
  /// CPU. Empty: a step with rows that are recalled copies them and waits for them once.
  MatrixView<const float> host_features = {};
};

/// Where a step on the device leaves its results, in device memory; null: not wanted.
struct DeviceScores {
  float* scores = nullptr;            ///< [rows, V], as Engine::step's `out`
  std::int64_t stride = 0;            ///< of scores; a multiple of 4
  std::int64_t top_count = 0;         ///< at most 32 likeliest words of every row
  std::int32_t* top_words = nullptr;  ///< [rows, top_count], likeliest first, of equal ones the
                                      ///< lowest first
  float* top_scores = nullptr;        ///< [rows, top_count]
};

}  // namespace pema
