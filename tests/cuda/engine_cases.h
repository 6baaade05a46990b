/// Batches of the engine's tests in device memory, and how near a device's scores must be.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "pema/engine.h"
#include "tests/cuda/device_array.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {

/// Rows of a matrix, each padded to 16 bytes with what must have no influence.
inline std::vector<float> padded_rows(MatrixView<const float> rows) {
  const std::int64_t stride = (rows.cols + 3) / 4 * 4;
  std::vector<float> values(static_cast<std::size_t>(rows.rows * stride), -3e30F);
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    std::copy_n(rows.row(r), rows.cols, values.data() + r * stride);
  }
  return values;
}

/// A TinyBatch on the device, and room for its scores.
class BatchOnDevice {
 public:
  explicit BatchOnDevice(const Batch& batch)
      : host_(batch),
        features_("features", std::span<const float>(padded_rows(batch.features))),
        logits_("logits", std::span<const float>(padded_rows(batch.logits))),
        scores_("scores", batch.logits.rows * stride(batch.logits.cols)) {}

  [[nodiscard]] DeviceBatch view() {
    DeviceBatch batch;
    batch.features = {features_.data(), host_.features.rows, host_.features.cols,
                      stride(host_.features.cols), NumberType::kFloat32};
    batch.logits = {logits_.data(), host_.logits.rows, host_.logits.cols, stride(host_.logits.cols),
                    NumberType::kFloat32};
    batch.leases = host_.leases;
    batch.step = host_.step;
    batch.source_length = host_.source_length;
    batch.site = host_.site;
    return batch;
  }
  [[nodiscard]] DeviceScores room() { return {scores_.data(), stride(host_.logits.cols)}; }
  [[nodiscard]] Matrix<float> scores() const {
    const std::vector<float> values = scores_.host();
    Matrix<float> out(host_.logits.rows, host_.logits.cols);
    for (std::int64_t r = 0; r < out.rows(); ++r) {
      std::copy_n(values.data() + r * stride(out.cols()), out.cols(), out.row(r));
    }
    return out;
  }
  /// Queues the step, waits for it and fetches the scores.
  [[nodiscard]] Matrix<float> run(Engine& engine) {
    engine.step(view(), room());
    engine.finish();
    return scores();
  }

 private:
  static std::int64_t stride(std::int64_t cols) { return (cols + 3) / 4 * 4; }
  Batch host_;
  DeviceArray<const float> features_;
  DeviceArray<const float> logits_;
  DeviceArray<float> scores_;
};

inline void expect_same_bits(const Matrix<float>& a, const Matrix<float>& b) {
  ASSERT_EQ(a.rows(), b.rows());
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    ASSERT_EQ(std::memcmp(a.row(r), b.row(r), static_cast<std::size_t>(a.cols()) * sizeof(float)),
              0)
        << "row " << r;
  }
}

inline void expect_near(const Matrix<float>& a, const Matrix<float>& b, double tolerance) {
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    for (std::int64_t v = 0; v < a.cols(); ++v) {
      const auto x = static_cast<double>(a.row(r)[v]);
      const auto y = static_cast<double>(b.row(r)[v]);
      if (std::isinf(y)) {
        ASSERT_EQ(x, y) << "row " << r << " word " << v;
      } else {
        ASSERT_NEAR(x, y, tolerance) << "row " << r << " word " << v;
      }
    }
  }
}

}  // namespace pema::test
