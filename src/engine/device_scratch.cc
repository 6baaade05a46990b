#include "src/engine/device_scratch.h"

#include <cstring>
#include <utility>

namespace pema::engine {

using Place = GrowingBlock::Place;

DeviceScratch::DeviceScratch(const std::shared_ptr<Runtime>& runtime, kernels::cuda::Stream stream)
    : features(runtime, Place::kDevice),
      logits(runtime, Place::kDevice),
      scores(runtime, Place::kDevice),
      weights(runtime, Place::kDevice),
      deltas(runtime, Place::kDevice),
      inverse(runtime, Place::kDevice),
      status(runtime, Place::kDevice),
      workspace(runtime, Place::kDevice),
      staging_in(runtime, Place::kPinned),
      staging_out(runtime, Place::kPinned),
      runtime_(runtime),
      stream_(stream),
      dense_(runtime, Place::kDevice) {
  for (std::size_t which = 0; which < 2; ++which) {
    lists_[which] = std::make_unique<GrowingBlock>(runtime, Place::kDevice);
    for (Turn& turn : turns_) {
      turn.lists[which] = std::make_unique<GrowingBlock>(runtime, Place::kPinned);
    }
  }
  for (Turn& turn : turns_) turn.fence = runtime_->make_fence();
}

void DeviceScratch::begin() {
  turn_ = 1 - turn_;
  turns_[turn_].fence->wait();
  turns_[turn_].leases.clear();
}

void DeviceScratch::end() { turns_[turn_].fence->record(stream_); }

void DeviceScratch::release() noexcept {
  for (Turn& turn : turns_) turn.leases.clear();
}

void DeviceScratch::keep(std::shared_ptr<const void> lease) {
  turns_[turn_].leases.push_back(std::move(lease));
}

void DeviceScratch::reserve(const ScratchSizes& sizes) {
  features.reserve(sizes.features);
  logits.reserve(sizes.logits);
  scores.reserve(sizes.scores);
  weights.reserve(sizes.weights);
  if (deltas.reserve(sizes.deltas)) {
    runtime_->clear(deltas.as<void>(), deltas.bytes(), stream_);
  }
  inverse.reserve(sizes.inverse);
  status.reserve(sizes.status);
  workspace.reserve(sizes.workspace);
}

const std::byte* DeviceScratch::send(const HostLists& lists, std::size_t which) {
  for (Turn& turn : turns_) {
    if (lists.bytes() <= turn.lists[which]->bytes()) continue;
    turn.fence->wait();
    turn.lists[which]->reserve(lists.bytes());
  }
  GrowingBlock& pinned = *turns_[turn_].lists[which];
  GrowingBlock& device = *lists_[which];
  device.reserve(lists.bytes());
  if (lists.bytes() > 0) {
    std::memcpy(pinned.as<void>(), lists.data(), static_cast<std::size_t>(lists.bytes()));
    runtime_->upload(device.as<void>(), pinned.as<void>(), lists.bytes(), stream_);
  }
  return device.as<std::byte>();
}

kernels::cuda::DeviceCsr DeviceScratch::dense(std::int64_t rows, std::int64_t width) {
  if (rows > dense_rows_) {
    runtime_->wait(stream_);
    HostLists lists;
    std::vector<std::int32_t> begin;
    std::vector<std::int32_t> index;
    for (std::int64_t r = 0; r <= rows; ++r) begin.push_back(static_cast<std::int32_t>(r * width));
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < width; ++c) index.push_back(static_cast<std::int32_t>(c));
    }
    lists.add(index);
    lists.add(begin);
    dense_rows_ = 0;
    dense_.reserve(lists.bytes());
    runtime_->load(dense_.as<void>(), lists.data(), lists.bytes());
    dense_rows_ = rows;
  }
  const auto* const index = dense_.as<std::int32_t>();
  const std::int64_t begin_at = (dense_rows_ * width + 3) / 4 * 4;
  return {index + begin_at, index, nullptr, rows, rows * width};
}

}  // namespace pema::engine
