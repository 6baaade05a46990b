/// Memory of a device and pinned memory beside it, owned.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernels/cuda/runtime.h"
#include "pema/memory_manager.h"

namespace pema::engine {

using kernels::cuda::Runtime;

/// A device behind the memory manager's seam. Thread-safety: reentrant; makes the device current
/// itself, because the manager drops items in any thread.
class RuntimeMemory : public DeviceMemory {
 public:
  explicit RuntimeMemory(std::shared_ptr<Runtime> runtime) : runtime_(std::move(runtime)) {}
  [[nodiscard]] void* allocate(std::int64_t bytes) override;
  void copy_to_device(void* to, std::span<const std::byte> from) override;
  void free(void* at) noexcept override;

 private:
  std::shared_ptr<Runtime> runtime_;
};

/// Bytes on a device that a kernel fills, freed with the object.
class DeviceBlock {
 public:
  /// Throws as `device`.
  DeviceBlock(std::shared_ptr<DeviceMemory> device, std::int64_t bytes)
      : device_(std::move(device)), bytes_(bytes), data_(device_->allocate(bytes)) {}
  ~DeviceBlock() { device_->free(data_); }
  DeviceBlock(const DeviceBlock&) = delete;
  DeviceBlock& operator=(const DeviceBlock&) = delete;
  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

 private:
  std::shared_ptr<DeviceMemory> device_;
  std::int64_t bytes_;
  void* data_;
};

/// Memory that grows and never shrinks, on the device or pinned on the host. What it held is lost
/// when it grows. Thread-safety: none.
class GrowingBlock {
 public:
  enum class Place : std::uint8_t { kDevice, kPinned };
  GrowingBlock(std::shared_ptr<Runtime> runtime, Place place)
      : runtime_(std::move(runtime)), place_(place) {}
  ~GrowingBlock();
  GrowingBlock(const GrowingBlock&) = delete;
  GrowingBlock& operator=(const GrowingBlock&) = delete;

  /// At least `bytes` of it; true when it is new memory. The device must be current, and must not
  /// be reading a pinned block. Throws kOverBudget, kIo; it then holds nothing.
  bool reserve(std::int64_t bytes);
  template <typename T>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(data_);
  }
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

 private:
  void release() noexcept;

  std::shared_ptr<Runtime> runtime_;
  Place place_;
  std::int64_t bytes_ = 0;
  void* data_ = nullptr;
};

}  // namespace pema::engine
