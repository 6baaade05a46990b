// Steps 5 and 6 on a device: rows and lists go there, ops are queued.
#include <algorithm>

#include "kernels/cuda/launch_plan.h"
#include "src/engine/device_backend.h"
#include "src/engine/device_layout.h"

namespace pema::engine {

using kernels::cuda::CurrentDevice;
using kernels::cuda::DeviceCsr;
using kernels::cuda::DeviceOut;
using kernels::cuda::DeviceRows;
using kernels::cuda::Element;

namespace {

constexpr std::int64_t kFloat = sizeof(float);

/// Rows of a matrix from `begin` on.
DeviceRows part(const DeviceRows& rows, const RowRun& run) {
  DeviceRows some = rows;
  some.data = static_cast<const std::byte*>(rows.data) +
              run.begin * rows.stride * kernels::cuda::element_bytes(rows.type);
  some.rows = run.rows();
  return some;
}

}  // namespace

void DeviceBackend::reserve(const Context& context) {
  const std::int64_t d = padded_width(context.model.hidden);
  const std::int64_t vocab = padded_width(context.model.vocab);
  ScratchSizes sizes;
  if (!on_device_) {
    sizes.features = rows() * d * kFloat;
    sizes.logits = rows() * vocab * kFloat;
  }
  if (!on_device_ || wanted_.scores == nullptr) sizes.scores = rows() * vocab * kFloat;
  sizes.weights = latents_.entries * kFloat;
  sizes.inverse = rows() * kFloat;
  sizes.status = rows() * kFloat;
  sizes.workspace = kernels::cuda::interpolate_workspace(rows(), context.model.vocab);
  for (const PoolRows& run : order_.pools) {
    if (run.projected()) {
      sizes.workspace = std::max(sizes.workspace, kernels::cuda::project_workspace(
                                                      run.projection->rows.type, latents(run.run)));
    } else {
      sizes.deltas = rows() * d * kFloat;
    }
  }
  for (const Group* group : composed_) {
    sizes.workspace = std::max(sizes.workspace, kernels::cuda::bottleneck_workspace(
                                                    rows(), group->lease->pool->info().rank));
  }
  scratch_.reserve(sizes);
}

void DeviceBackend::send_rows(const Context& context, const Walk& walk) {
  const std::int64_t d = context.model.hidden;
  const std::int64_t vocab = context.model.vocab;
  if (on_device_) {
    const auto view = [](const DeviceMatrix& m) {
      return DeviceRows{m.data, element_of(m.type), m.rows, m.cols, m.stride, 1};
    };
    x_ = view(batch_.features);
    base_ = view(batch_.logits);
    const bool own = wanted_.scores == nullptr;
    out_ = {own ? scratch_.scores.as<float>() : wanted_.scores, rows(), vocab,
            own ? padded_width(vocab) : wanted_.stride};
    return;
  }
  const std::int64_t wide = padded_width(d);
  const std::int64_t long_row = padded_width(vocab);
  x_ = {scratch_.features.as<float>(), Element::kFloat32, rows(), d, wide, 1};
  base_ = {scratch_.logits.as<float>(), Element::kFloat32, rows(), vocab, long_row, 1};
  out_ = {scratch_.scores.as<float>(), rows(), vocab, long_row};
  scratch_.staging_in.reserve(rows() * (wide + long_row) * kFloat);
  auto* const features = scratch_.staging_in.as<float>();
  float* const logits = features + rows() * wide;
  for (std::int64_t at = 0; at < rows(); ++at) {
    const std::int64_t row = order_.batch_row[static_cast<std::size_t>(at)];
    std::fill(std::copy_n(walk.batch->features.row(row), d, features + at * wide),
              features + (at + 1) * wide, 0.0F);
    std::fill(std::copy_n(walk.batch->logits.row(row), vocab, logits + at * long_row),
              logits + (at + 1) * long_row, 0.0F);
  }
  runtime_->upload(scratch_.features.as<void>(), features, rows() * wide * kFloat, stream_);
  runtime_->upload(scratch_.logits.as<void>(), logits, rows() * long_row * kFloat, stream_);
}

DeviceCsr DeviceBackend::latents(const RowRun& run) const {
  DeviceCsr all = latents_.on_device(sent_);
  all.begin += run.begin;
  all.rows = run.rows();
  return all;
}

DeviceOut DeviceBackend::deltas(const Context& context, const RowRun& run) const {
  const std::int64_t stride = padded_width(context.model.hidden);
  return {scratch_.deltas.as<float>() + run.begin * stride, run.rows(), context.model.hidden,
          stride};
}

DeviceOut DeviceBackend::scores(const RowRun& run) const {
  return {out_.data + run.begin * out_.stride, run.rows(), out_.cols, out_.stride};
}

kernels::cuda::Workspace DeviceBackend::workspace() const {
  return {scratch_.workspace.as<void>(), scratch_.workspace.bytes()};
}

void DeviceBackend::apply(Context& context, Walk& walk) {
  if (rows() == 0) return;
  const CurrentDevice current(*runtime_);
  reserve(context);
  sent_ = scratch_.send(lists_, 0);
  send_rows(context, walk);
  for (const PoolRows& run : order_.pools) queue_latents(context, run);
  queue_pairs(context);
  for (std::size_t p = 0; p < order_.pools.size(); ++p) {
    const PoolRows& run = order_.pools[p];
    if (run.projected() || run.gain.empty()) continue;
    kernels::cuda::rms_norm(
        {deltas(context, run.run), reinterpret_cast<const float*>(sent_ + gains_at_[p]),
         context.head->norm_eps},
        stream_);
  }
}

void DeviceBackend::queue_latents(const Context& context, const PoolRows& rows) {
  const DeviceCsr gains = latents(rows.run);
  DeviceCsr gated = gains;
  gated.weight = scratch_.weights.as<float>();
  if (rows.longest > 0) {
    kernels::cuda::gate(
        {rows.down->rows, part(x_, rows.run), gains, rows.longest, scratch_.weights.as<float>()},
        stream_);
  }
  if (rows.gram) {
    kernels::cuda::gram_norm(
        {rows.gram->rows, gated, context.model.hidden, context.head->norm_eps,
         scratch_.inverse.as<float>() + rows.run.begin, scratch_.weights.as<float>()},
        stream_);
  }
  if (rows.projected()) return;
  const DeviceOut delta = deltas(context, rows.run);
  if (rows.up) {
    kernels::cuda::project({rows.up->rows, gated, delta, false, workspace()}, stream_);
  } else {
    runtime_->clear(delta.data, delta.rows * delta.stride * kFloat, stream_);
  }
}

void DeviceBackend::queue_pairs(const Context& context) {
  for (std::size_t i = 0; i < composed_.size(); ++i) {
    kernels::cuda::bottleneck(
        {x_, reinterpret_cast<const std::int32_t*>(sent_ + places_at_),
         reinterpret_cast<const kernels::cuda::RowTile*>(sent_ + tiles_at_[i]), tiles_[i],
         pairs_[i]->down, pairs_[i]->up, composed_[i]->lease->pool->info().rank,
         deltas(context, {0, rows()}), workspace()},
        stream_);
  }
}

void DeviceBackend::project(Context& context, Walk& /*walk*/, MatrixView<float> /*personal*/) {
  if (rows() == 0) return;
  const CurrentDevice current(*runtime_);
  // Personal logits of the residual form start with the base's; inert rows are then done.
  runtime_->copy_rows({out_.data, out_.stride, static_cast<const float*>(base_.data), base_.stride,
                       out_.rows, out_.cols},
                      stream_);
  for (const PoolRows& run : order_.pools) {
    if (run.projected()) {
      DeviceCsr gated = latents(run.run);
      gated.weight = scratch_.weights.as<float>();
      kernels::cuda::project(
          {run.projection->rows, gated, scores(run.run), run.residual(), workspace()}, stream_);
      continue;
    }
    const std::int64_t width = padded_width(context.model.hidden);
    DeviceCsr dense = scratch_.dense(rows(), width);
    dense.begin += run.run.begin;
    dense.rows = run.run.rows();
    dense.weight = scratch_.deltas.as<float>();
    kernels::cuda::project({head_->rows, dense, scores(run.run), run.residual(), workspace()},
                           stream_);
  }
}

}  // namespace pema::engine
