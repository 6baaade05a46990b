#include "src/engine/device_batch.h"

#include "kernels/cuda/ops.h"
#include "pema/error.h"

namespace pema::engine {
namespace {

void check_matrix(const DeviceMatrix& matrix, std::int64_t cols, const char* name) {
  PEMA_CHECK(
      matrix.data != nullptr && matrix.cols == cols && matrix.stride >= cols && matrix.rows > 0,
      kInvalidArgument, "the ", name, " on the device are [", matrix.rows, ", ", matrix.cols,
      "] with stride ", matrix.stride, matrix.data == nullptr ? " at no address" : "",
      "; the model needs [rows, ", cols, "]");
}

}  // namespace

void check_device_batch(const Context& context, const DeviceBatch& batch, const DeviceScores& out) {
  const ModelInfo& model = context.model;
  PEMA_CHECK(context.options.device.has_value(), kUnsupported,
             "the batch lies on a device, and this engine computes on the CPU; set "
             "EngineOptions::device");
  check_matrix(batch.features, model.hidden, "features");
  check_matrix(batch.logits, model.vocab, "logits");
  PEMA_CHECK(batch.features.rows == batch.logits.rows, kInvalidArgument, "the batch has ",
             batch.features.rows, " features and ", batch.logits.rows, " logits");
  PEMA_CHECK(batch.features.type != NumberType::kInt8, kUnsupported,
             "features on a device are float32, float16 or bfloat16, not int8");
  PEMA_CHECK(batch.logits.type == NumberType::kFloat32, kUnsupported,
             "logits on a device are float32, not ", to_string(batch.logits.type));
  PEMA_CHECK(
      batch.host_features.data == nullptr || (batch.host_features.rows == batch.features.rows &&
                                              batch.host_features.cols == model.hidden),
      kInvalidArgument, "the host's features are [", batch.host_features.rows, ", ",
      batch.host_features.cols, "], the device's [", batch.features.rows, ", ", model.hidden, "]");
  PEMA_CHECK(context.options.skip_recall_above >= 1.0, kUnsupported,
             "skip_recall_above is below 1, which reads the logits on the host; set it to 1 for "
             "batches on a device");
  PEMA_CHECK(out.scores != nullptr || out.top_count > 0, kInvalidArgument,
             "neither scores nor top words are wanted of the step");
  PEMA_CHECK(out.scores == nullptr || out.stride >= model.vocab, kInvalidArgument,
             "scores on the device have stride ", out.stride, ", the vocabulary is ", model.vocab);
  PEMA_CHECK(out.top_count >= 0 && out.top_count <= kernels::cuda::kMaxNearest, kInvalidArgument,
             "the ", out.top_count, " likeliest words are wanted of each row; a device gives 0 to ",
             kernels::cuda::kMaxNearest);
  PEMA_CHECK(out.top_count == 0 || (out.top_words != nullptr && out.top_scores != nullptr),
             kInvalidArgument, "there is no room for the likeliest words");
}

Batch shape_of(const DeviceBatch& batch) {
  Batch shape;
  shape.features = batch.host_features;
  if (batch.host_features.data == nullptr) {
    shape.features = {nullptr, batch.features.rows, batch.features.cols, batch.features.stride};
  }
  shape.logits = {nullptr, batch.logits.rows, batch.logits.cols, batch.logits.stride};
  shape.leases = batch.leases;
  shape.step = batch.step;
  shape.source_length = batch.source_length;
  shape.site = batch.site;
  return shape;
}

}  // namespace pema::engine
