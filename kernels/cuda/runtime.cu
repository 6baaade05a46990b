#include "kernels/cuda/runtime.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/device.h"
#include "pema/error.h"

namespace pema::kernels::cuda {
namespace {

constexpr int kOldest = 8;  ///< compute capability that the kernels are built for

void check(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // what is not the device's end is told once
  const bool full = code == cudaErrorMemoryAllocation;
  fail(full ? ErrorCode::kOverBudget : ErrorCode::kIo, "the device refused ", what, ": ",
       cudaGetErrorString(code),
       full ? "; give it a smaller budget or fewer rows"
            : "; if it stays so, the device is lost: end the process and start again");
}

std::size_t size(std::int64_t bytes) { return static_cast<std::size_t>(bytes); }

class CudaFence : public Fence {
 public:
  CudaFence() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "an event"); }
  ~CudaFence() override { static_cast<void>(cudaEventDestroy(event_)); }
  CudaFence(const CudaFence&) = delete;
  CudaFence& operator=(const CudaFence&) = delete;
  void record(Stream stream) override { check(cudaEventRecord(event_, stream), "to mark a place"); }
  void wait() override { check(cudaEventSynchronize(event_), "to be waited for"); }

 private:
  cudaEvent_t event_ = nullptr;
};

class CudaRuntime : public Runtime {
 public:
  explicit CudaRuntime(int number) : number_(number) {}

  std::string name() override {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, number_), "its name");
    return properties.name;
  }
  void* allocate(std::int64_t bytes) override {
    void* at = nullptr;
    check(cudaMalloc(&at, size(bytes)), "memory");
    return at;
  }
  void free(void* at) noexcept override { static_cast<void>(cudaFree(at)); }
  void* allocate_pinned(std::int64_t bytes) override {
    void* at = nullptr;
    check(cudaMallocHost(&at, size(bytes)), "pinned memory");
    return at;
  }
  void free_pinned(void* at) noexcept override { static_cast<void>(cudaFreeHost(at)); }

  void load(void* to, const void* from, std::int64_t bytes) override {
    check(cudaMemcpy(to, from, size(bytes), cudaMemcpyHostToDevice), "a copy");
    // A copy from pageable memory returns before it has arrived, which other streams would see.
    check(cudaStreamSynchronize(nullptr), "a copy");
  }
  void upload(void* to, const void* pinned, std::int64_t bytes, Stream stream) override {
    check(cudaMemcpyAsync(to, pinned, size(bytes), cudaMemcpyHostToDevice, stream), "a copy");
  }
  void download(void* pinned, const void* from, std::int64_t bytes, Stream stream) override {
    check(cudaMemcpyAsync(pinned, from, size(bytes), cudaMemcpyDeviceToHost, stream), "a copy");
  }
  void copy_rows(const RowCopy& copy, Stream stream) override {
    if (copy.rows == 0 || copy.cols == 0) return;
    const auto row = [](std::int64_t count) { return size(count) * sizeof(float); };
    check(cudaMemcpy2DAsync(copy.to, row(copy.to_stride), copy.from, row(copy.from_stride),
                            row(copy.cols), size(copy.rows), cudaMemcpyDeviceToDevice, stream),
          "a copy");
  }
  void clear(void* at, std::int64_t bytes, Stream stream) override {
    check(cudaMemsetAsync(at, 0, size(bytes), stream), "to clear memory");
  }

  std::unique_ptr<Fence> make_fence() override { return std::make_unique<CudaFence>(); }
  void wait(Stream stream) override {
    check(cudaStreamSynchronize(stream), "the work that was queued");
  }

  int make_current() override {
    int previous = 0;
    check(cudaGetDevice(&previous), "to be asked for");
    check(cudaSetDevice(number_), "to be used");
    return previous;
  }
  void restore(int previous) noexcept override { static_cast<void>(cudaSetDevice(previous)); }

 private:
  int number_;
};

}  // namespace

std::shared_ptr<Runtime> open_runtime(int number) {
  const DeviceStatus status = device_status();
  PEMA_CHECK(status.usable, kUnsupported, status.reason);
  PEMA_CHECK(number >= 0 && number < status.count, kNotFound, "there is no device ", number,
             "; this machine has ", status.count, ", counted from 0");
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, number), "its version");
  PEMA_CHECK(major >= kOldest, kUnsupported, "device ", number, " is of compute capability ", major,
             ".x; the kernels need ", kOldest, ".0");
  return std::make_shared<CudaRuntime>(number);
}

}  // namespace pema::kernels::cuda
