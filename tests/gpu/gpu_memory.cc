#include <cuda_runtime_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace pema::test {

void* gpu_allocate(std::int64_t bytes);
void gpu_free(void* p) noexcept;
void gpu_upload(void* to, const void* from, std::int64_t bytes);
void gpu_download(void* to, const void* from, std::int64_t bytes);

namespace {

void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(code));
  }
}

}  // namespace

void* gpu_allocate(std::int64_t bytes) {
  void* p = nullptr;
  if (bytes > 0) check(cudaMalloc(&p, static_cast<std::size_t>(bytes)), "cudaMalloc");
  return p;
}

void gpu_free(void* p) noexcept {
  if (p != nullptr) static_cast<void>(cudaFree(p));
}

void gpu_upload(void* to, const void* from, std::int64_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpy(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice),
        "cudaMemcpy");
}

void gpu_download(void* to, const void* from, std::int64_t bytes) {
  check(cudaDeviceSynchronize(), "a kernel");
  if (bytes == 0) return;
  check(cudaMemcpy(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost),
        "cudaMemcpy");
}

}  // namespace pema::test
