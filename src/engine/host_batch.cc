#include "src/engine/host_batch.h"

#include <algorithm>
#include <functional>

#include "kernels/half.h"
#include "pema/error.h"

namespace pema::engine {

bool overlap(MatrixView<const float> a, MatrixView<const float> b) {
  if (a.empty() || b.empty()) return false;
  const float* a_end = a.row(a.rows - 1) + a.cols;
  const float* b_end = b.row(b.rows - 1) + b.cols;
  return std::less<>{}(a.data, b_end) && std::less<>{}(b.data, a_end);
}

Batch widened(const Batch& batch, Matrix<float>& wide) {
  const MatrixView<const std::uint16_t>& half = batch.half_features;
  if (half.data == nullptr) return batch;
  PEMA_CHECK(batch.features.data == nullptr, kInvalidArgument,
             "the batch has features in float32 and in 16 bits; give one of them");
  PEMA_CHECK(batch.half_type == NumberType::kFloat16 || batch.half_type == NumberType::kBFloat16,
             kInvalidArgument, "half_type is ", to_string(batch.half_type),
             "; 16-bit features are float16 or bfloat16");
  wide = Matrix<float>(half.rows, half.cols);
  for (std::int64_t row = 0; row < half.rows; ++row) {
    const std::span<const std::uint16_t> from = half.row_span(row);
    std::transform(from.begin(), from.end(), wide.row(row),
                   [&](std::uint16_t value) { return kernels::from_half(value, batch.half_type); });
  }
  Batch copy = batch;
  copy.half_features = {};
  copy.features = wide.view();
  return copy;
}

Batch slice(const Batch& batch, std::int64_t first, std::int64_t rows) {
  const auto offset = static_cast<std::size_t>(first);
  const auto count = static_cast<std::size_t>(rows);
  Batch part = batch;
  part.features = {batch.features.row(first), rows, batch.features.cols, batch.features.stride};
  if (!batch.logits.empty()) {
    part.logits = {batch.logits.row(first), rows, batch.logits.cols, batch.logits.stride};
  }
  part.leases = batch.leases.subspan(offset, count);
  part.step = batch.step.subspan(offset, count);
  part.source_length = batch.source_length.subspan(offset, count);
  return part;
}

}  // namespace pema::engine
