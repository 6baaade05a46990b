// Step 8 on a device, and what comes back from there.
#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/half.h"
#include "pema/error.h"
#include "src/engine/device_backend.h"

namespace pema::engine {

using kernels::cuda::CurrentDevice;
using kernels::cuda::Element;

namespace {

constexpr std::int64_t kFloat = sizeof(float);

float number_at(const void* data, NumberType type, std::int64_t at) {
  if (type == NumberType::kFloat32) return static_cast<const float*>(data)[at];
  return kernels::from_half(static_cast<const std::uint16_t*>(data)[at], type);
}

/// Throws kInvalidArgument when a row's status is bad; `rows` are their numbers in the batch.
void check_status(const std::int32_t* status, const std::vector<std::int64_t>& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    if (status[at] == 0) continue;
    const bool base = (status[at] & kernels::cuda::kBadBase) != 0;
    fail(ErrorCode::kInvalidArgument, "row ", rows[at], " could not be mixed: ",
         base ? "its logits hold NaN, +inf or nothing but -inf"
              : "its personal logits are not finite; its feature holds NaN or infinity, or is too "
                "large for the profile's adapters");
  }
}

}  // namespace

void DeviceBackend::fetch_features(Context& context, Walk& walk) {
  const bool recalled = std::any_of(walk.rows.begin(), walk.rows.end(), [](const Row& row) {
    return row.own_weight > 0.0 || row.shared_weight > 0.0;
  });
  if (!recalled || walk.features.data != nullptr) return;
  const CurrentDevice current(*runtime_);
  const DeviceMatrix& x = batch_.features;
  const std::int64_t bytes = ((x.rows - 1) * x.stride + x.cols) * bytes_of(x.type);
  scratch_.staging_out.reserve(bytes);
  runtime_->download(scratch_.staging_out.as<void>(), x.data, bytes, stream_);
  runtime_->wait(stream_);
  fetched_ = Matrix<float>(x.rows, context.model.hidden);
  for (std::int64_t row = 0; row < x.rows; ++row) {
    for (std::int64_t c = 0; c < x.cols; ++c) {
      const float value = number_at(scratch_.staging_out.as<void>(), x.type, row * x.stride + c);
      PEMA_CHECK(std::isfinite(value), kInvalidArgument, "the feature of row ", row,
                 " holds NaN or infinity");
      fetched_.row(row)[c] = value;
    }
  }
  walk.features = fetched_.view();
}

void DeviceBackend::queue_mixture(const Walk& walk) {
  std::vector<float> base;
  std::vector<float> personal;
  HostCsr recalled;
  for (const std::int64_t at : order_.batch_row) {
    const Row& row = walk.rows[static_cast<std::size_t>(at)];
    base.push_back(static_cast<float>(row.base_weight));
    personal.push_back(static_cast<float>(row.personal_weight));
    for (const kernels::WordMass& word : row.recalled) {
      recalled.add(word.token, static_cast<float>(word.mass));
    }
    recalled.end_row();
  }
  lists_.clear();
  const std::int64_t base_at = lists_.add(base);
  const std::int64_t personal_at = lists_.add(personal);
  const PlacedCsr recalled_at = lists_.add(recalled);
  const std::byte* const sent = scratch_.send(lists_, 1);
  for (const RowRun& run : order_.mixed) {
    const kernels::cuda::DeviceOut out = scores(run);
    kernels::cuda::DeviceMixture op;
    op.base = {static_cast<const float*>(base_.data) + run.begin * base_.stride,
               Element::kFloat32,
               run.rows(),
               base_.cols,
               base_.stride,
               1};
    op.personal = {out.data, Element::kFloat32, out.rows, out.cols, out.stride, 1};
    op.base_weight = reinterpret_cast<const float*>(sent + base_at) + run.begin;
    op.personal_weight = reinterpret_cast<const float*>(sent + personal_at) + run.begin;
    if (recalled_at.entries > 0) {
      op.recalled = recalled_at.on_device(sent);
      op.recalled.begin += run.begin;
      op.recalled.rows = run.rows();
    }
    op.out = out;
    op.status = scratch_.status.as<std::int32_t>() + run.begin;
    op.workspace = workspace();
    kernels::cuda::interpolate(op, stream_);
  }
}

void DeviceBackend::interpolate(Context& context, const Walk& walk, MatrixView<float> out) {
  if (rows() > 0) {
    const CurrentDevice current(*runtime_);
    runtime_->clear(scratch_.status.as<void>(), rows() * kFloat, stream_);
    queue_mixture(walk);
    if (on_device_ && wanted_.top_count > 0) {
      kernels::cuda::top_k({{out_.data, Element::kFloat32, out_.rows, out_.cols, out_.stride, 1},
                            wanted_.top_count,
                            wanted_.top_words,
                            wanted_.top_scores},
                           stream_);
    }
    if (!on_device_) take_results(context, out);
    for (const PoolRows& run : order_.pools) {
      for (const DeviceTablePtr& table : {run.down, run.up, run.projection, run.gram}) {
        scratch_.keep(table);
      }
    }
    for (const DevicePairPtr& pair : pairs_) scratch_.keep(pair);
    scratch_.end();
  }
  if (on_device_) {
    queued_ = order_.batch_row;
  } else {
    for (std::size_t i = 0; i < walk.rows.size(); ++i) {
      if (!walk.rows[i].inert) continue;
      const auto row = static_cast<std::int64_t>(i);
      std::copy_n(walk.batch->logits.row(row), context.model.vocab, out.row(row));
    }
    scratch_.release();
  }
  order_ = {};
  pairs_.clear();
  on_device_ = false;
}

void DeviceBackend::take_results(const Context& context, MatrixView<float> out) {
  const std::int64_t score_bytes = out_.rows * out_.stride * kFloat;
  scratch_.staging_out.reserve(score_bytes + rows() * kFloat);
  auto* const staged = scratch_.staging_out.as<float>();
  auto* const status = reinterpret_cast<std::int32_t*>(staged + out_.rows * out_.stride);
  runtime_->download(staged, out_.data, score_bytes, stream_);
  runtime_->download(status, scratch_.status.as<void>(), rows() * kFloat, stream_);
  runtime_->wait(stream_);
  check_status(status, order_.batch_row);
  for (std::int64_t at = 0; at < rows(); ++at) {
    std::copy_n(staged + at * out_.stride, context.model.vocab,
                out.row(order_.batch_row[static_cast<std::size_t>(at)]));
  }
}

void DeviceBackend::finish() {
  const CurrentDevice current(*runtime_);
  const std::vector<std::int64_t> rows = std::exchange(queued_, {});
  const std::int64_t bytes = std::ssize(rows) * kFloat;
  if (bytes > 0) {
    scratch_.staging_out.reserve(bytes);
    runtime_->download(scratch_.staging_out.as<void>(), scratch_.status.as<void>(), bytes, stream_);
  }
  runtime_->wait(stream_);
  scratch_.release();
  check_status(scratch_.staging_out.as<std::int32_t>(), rows);
}

void DeviceBackend::interpolate_targets(Context& context, const Walk& walk,
                                        MatrixView<float> personal,
                                        std::span<const std::int64_t> targets,
                                        std::span<double> out) {
  interpolate(context, walk, personal);
  std::vector<kernels::MixtureRow> inert;
  std::vector<std::int64_t> inert_targets;
  std::vector<std::size_t> inert_rows;
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    out[i] = static_cast<double>(personal.at(row, targets[i]));
    if (!walk.rows[i].inert) continue;
    kernels::MixtureRow& mixture = inert.emplace_back();
    mixture.base = walk.batch->logits.row(row);
    mixture.base_weight = 1.0;
    inert_targets.push_back(targets[i]);
    inert_rows.push_back(i);
  }
  std::vector<double> values(inert.size());
  kernels::interpolate_targets(inert, context.model.vocab, inert_targets, values, context.pool);
  for (std::size_t k = 0; k < inert.size(); ++k) out[inert_rows[k]] = values[k];
}

}  // namespace pema::engine
