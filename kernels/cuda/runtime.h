/// Memory, copies and order on one device, as the engine needs them. Plain C++: whoever includes it
/// needs no CUDA header. In a build without CUDA open_runtime says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/cuda/ops.h"

namespace pema::kernels::cuda {

/// A place in a stream's work.
class Fence {
 public:
  virtual ~Fence() = default;
  /// Everything queued on `stream` so far. Throws kIo when the device is lost.
  virtual void record(Stream stream) = 0;
  /// Returns when what was recorded last is done, at once when nothing was. Throws kIo.
  virtual void wait() = 0;
};

/// Rows of floats in device memory to other rows there.
struct RowCopy {
  float* to = nullptr;
  std::int64_t to_stride = 0;
  const float* from = nullptr;
  std::int64_t from_stride = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// One device. What takes a stream is queued there and returns without waiting. Every function
/// throws kIo, with CUDA's own words, when the device does not answer any more. Thread-safety:
/// reentrant; the device must be current (CurrentDevice) in the calling thread.
class Runtime {
 public:
  virtual ~Runtime() = default;

  /// As the driver names the device.
  [[nodiscard]] virtual std::string name() = 0;
  /// [bytes] on the device, at a multiple of 256. Throws kOverBudget when it has no such room.
  [[nodiscard]] virtual void* allocate(std::int64_t bytes) = 0;
  virtual void free(void* at) noexcept = 0;
  /// [bytes] on the host that the device copies from and to while the host goes on. Throws
  /// kOverBudget.
  [[nodiscard]] virtual void* allocate_pinned(std::int64_t bytes) = 0;
  virtual void free_pinned(void* at) noexcept = 0;

  /// From any host memory; done when it returns.
  virtual void load(void* to, const void* from, std::int64_t bytes) = 0;
  virtual void upload(void* to, const void* pinned, std::int64_t bytes, Stream stream) = 0;
  virtual void download(void* pinned, const void* from, std::int64_t bytes, Stream stream) = 0;
  virtual void copy_rows(const RowCopy& copy, Stream stream) = 0;
  virtual void clear(void* at, std::int64_t bytes, Stream stream) = 0;

  [[nodiscard]] virtual std::unique_ptr<Fence> make_fence() = 0;
  /// Returns when everything on `stream` is done.
  virtual void wait(Stream stream) = 0;

  /// Makes the device the calling thread's; the number of the one before.
  [[nodiscard]] virtual int make_current() = 0;
  virtual void restore(int previous) noexcept = 0;
};

/// The device is the calling thread's as long as this lives.
class CurrentDevice {
 public:
  explicit CurrentDevice(Runtime& runtime) : runtime_(runtime), previous_(runtime.make_current()) {}
  ~CurrentDevice() { runtime_.restore(previous_); }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  Runtime& runtime_;
  int previous_;
};

/// Device `number`, as CUDA counts them. Throws kUnsupported, with the reason, where there is no
/// usable device or no CUDA in the build; kNotFound when there are fewer devices.
[[nodiscard]] std::shared_ptr<Runtime> open_runtime(int number);

}  // namespace pema::kernels::cuda
