#include <utility>

#include "pema/memory_manager.h"

namespace pema {

DeviceCopy::DeviceCopy(std::shared_ptr<DeviceMemory> device, std::span<const std::byte> from)
    : device_(std::move(device)), bytes_(std::ssize(from)), data_(device_->allocate(bytes_)) {
  try {
    device_->copy_to_device(data_, from);
  } catch (...) {
    device_->free(data_);
    throw;
  }
}

DeviceCopy::~DeviceCopy() { device_->free(data_); }

std::shared_ptr<const DeviceCopy> acquire_on_device(
    MemoryManager& manager, std::shared_ptr<DeviceMemory> device, const MemoryRequest& host,
    const std::function<std::span<const std::byte>(const void* value)>& bytes_of) {
  MemoryRequest request;
  request.key = host.key;
  request.key.on_device = true;
  request.bytes = host.bytes;
  request.load = [&] {
    const std::shared_ptr<const void> lease = manager.acquire(host);
    LoadedMemory loaded;
    loaded.tier = MemoryTier::kDevice;
    auto copy = std::make_shared<const DeviceCopy>(std::move(device), bytes_of(lease.get()));
    loaded.bytes = copy->bytes();
    loaded.value = std::move(copy);
    return loaded;
  };
  return manager.acquire_as<DeviceCopy>(request);
}

}  // namespace pema
