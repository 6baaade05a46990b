#include "src/engine/device_memory.h"

#include <utility>

namespace pema::engine {

using kernels::cuda::CurrentDevice;

void* RuntimeMemory::allocate(std::int64_t bytes) {
  const CurrentDevice current(*runtime_);
  return runtime_->allocate(bytes);
}

void RuntimeMemory::copy_to_device(void* to, std::span<const std::byte> from) {
  const CurrentDevice current(*runtime_);
  runtime_->load(to, from.data(), std::ssize(from));
}

void RuntimeMemory::free(void* at) noexcept { runtime_->free(at); }

GrowingBlock::~GrowingBlock() { release(); }

void GrowingBlock::release() noexcept {
  if (data_ == nullptr) return;
  if (place_ == Place::kDevice) {
    runtime_->free(data_);
  } else {
    runtime_->free_pinned(data_);
  }
  data_ = nullptr;
  bytes_ = 0;
}

bool GrowingBlock::reserve(std::int64_t bytes) {
  if (bytes <= bytes_) return false;
  // A quarter more, so that batches that grow row by row do not allocate at each step.
  const std::int64_t wanted = (bytes + bytes / 4 + 255) / 256 * 256;
  release();
  data_ = place_ == Place::kDevice ? runtime_->allocate(wanted) : runtime_->allocate_pinned(wanted);
  bytes_ = wanted;
  return true;
}

}  // namespace pema::engine
